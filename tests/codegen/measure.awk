# SPDX-License-Identifier: GPL-2.0
#
# Measures the functions in the output of `llvm-objdump -dr --no-show-raw-insn --show-all-symbols` for
# an object file or a kernel on x86-64. Prints one line for each function:
#
#   NAME INSTRUCTIONS CALLS ATOMICS FENCES LOADS STORES STACK PANIC CALLEES
#
# - LOADS, STORES: instructions that read or write memory; an instruction that does both counts in both
# - STACK: instructions that access the stack (push, pop, relative to %rsp); LOADS and STORES omit them
# - ATOMICS: atomic instructions
# - FENCES: atomic instructions on the stack, and `mfence`, `lfence`, `sfence`
# - CALLS: calls of other functions, and jumps to them
# - CALLEES: the names of the called functions in the order of the code, separated by commas, or `-`
# - PANIC: an instruction or callee that does not return, also in callees of the same file, or `-`
#
# Some instructions do no work, and the compilers of C and Rust may place them differently. They do
# not count: padding, `int3` after a jump, `endbr64`, `call __fentry__`. A jump to a return thunk
# counts as a return. The large code model of user-mode Linux loads an address into a register first;
# that load and the use of the register count as one.
#
# -v symbols=FILE: a System.map, to name the targets of calls without a symbol
# -v listing=NAME: print the instructions of this function that count, instead of the measurements

BEGIN {
    while (symbols != "" && (getline line < symbols) > 0) {
        split(line, part, " ")
        if (part[2] ~ /^[tT]$/ && part[3] !~ /^__(pfx|cfi)_/) at[address(part[1])] = part[3]
    }
}

/^Disassembly of section / {
    finish()
    section = substr($4, 1, length($4) - 1)
    next
}

/^[0-9a-f]+ <.*>:$/ {
    finish()
    shown = substr($2, 2, length($2) - 3)
    # A function may have several names.
    if (!((section, address($1)) in in_section)) {
        name = shown
        in_section[section, address($1)] = name
        start = number($1)
        ignored = name ~ /^__(pfx|cfi)_/
    }
    same_as[shown] = name
    if (!ignored) order[++functions] = shown
    next
}

# A relocation belongs to the previous instruction.
/R_X86_64_/ {
    relocation = $3
    # A relative relocation is relative to the next instruction: in a call, four bytes after its place.
    bias = $2 ~ /_(32S?|64)$/ ? 0 : 4
    next
}

/^ *[0-9a-f]+:/ {
    finish()
    place = sprintf("%x", number(substr($1, 1, length($1) - 1)) - start)
    sub(/^ *[0-9a-f]+:[ \t]*/, "")
    sub(/[ \t]+#.*/, "")
    gsub(/[ \t]+/, " ")
    if (is_prefix($0)) prefix = prefix $0 " "
    else {
        text = prefix $0
        prefix = ""
    }
}

END {
    finish()
    for (i = 1; i <= lines; i++) show(listed[i])
    if (listing != "") exit
    for (f = 1; f <= functions; f++) {
        name = same_as[order[f]]
        list = calls[name] ? "" : "-"
        for (i = 1; i <= calls[name]; i++) list = list (i > 1 ? "," : "") resolved(callee[name, i], callee_bias[name, i])
        split("", seen)
        found = panics(name)
        print order[f], instructions[name] + 0, calls[name] + 0, atomics[name] + 0, fences[name] + 0, loads[name] + 0, \
            stores[name] + 0, stack[name] + 0, found == "" ? "-" : found, list
    }
}

# Counts the instruction in `text`. Its relocation, which follows it, has been read.
function finish(    op, operands, counts) {
    if (text != "" && !ignored) {
        operands = text
        while (match(operands, /^[a-z0-9]+ */)) {
            op = substr(operands, 1, RLENGTH)
            operands = substr(operands, RLENGTH + 1)
            sub(/ $/, "", op)
            if (!is_prefix(op)) break
        }
        if (relocation ~ /^__x86_return_thunk/ || operands ~ /<__x86_return_thunk>/) op = "retq"
        counts = op !~ /^(nop[wl]?|int3|endbr64)$/ && text !~ /^xchgw %ax, %ax/ && (relocation operands) !~ /__fentry__/
        if (op == "movabsq" && loads_address(operands)) counts = 0
        if (counts) {
            instructions[name]++
            if (same_as[listing] == name) listed[++lines] = place SUBSEP op SUBSEP operands SUBSEP relocation SUBSEP bias SUBSEP target_of(operands)
            count(op, operands)
        }
    }
    text = relocation = ""
}

# Records the address that an instruction loads into a register, for a call through that register.
function loads_address(operands,    target) {
    target = relocation != "" ? named(relocation) : at[address(substr(operands, 2, index(operands, ",") - 2))]
    sub(/.*, /, "", operands)
    held[name, operands] = target
    held_bias[name, operands] = bias
    return target != ""
}

function is_prefix(op) { return op ~ /^(lock|rep|repne|notrack|data16)$/ }

function count(op, operands,    target) {
    if (op == "ud2") panic[name] = op
    else if (op ~ /^(call|j)/) {
        target = target_of(operands)
        if (target ~ /^\*.*\(/ && target !~ /%rsp/) loads[name]++
        if (target ~ /^\*/) target = "indirect"
        if (target != "" && target != name) {
            calls[name]++
            callee[name, calls[name]] = target
            callee_bias[name, calls[name]] = target_bias
        }
    } else if (op ~ /^(push|pop)/ && operands !~ /\(/) stack[name]++
    else if (op ~ /^[lms]fence$/) fences[name]++
    else if (op !~ /^(lea|prefetch)/) count_memory(op, operands)
}

function count_memory(op, operands,    n, i, operand, memory, where, is_destination, on_stack) {
    n = split(operands, operand, ", ")
    for (i = 1; i <= n; i++)
        if (operand[i] ~ /\(|^%[c-g]s:|^-?(0x)?[0-9a-f]+$/) {
            memory++
            where = operand[i]
            is_destination = i == n
        }
    if (!memory) return
    on_stack = where ~ /%[re]?sp/
    if (text ~ /^lock/ || op ~ /^xchg/) {
        if (on_stack) fences[name]++
        else atomics[name]++
    } else if (on_stack) stack[name]++
    else if (memory == 1 && (!is_destination || op ~ /^(cmp[bwlq]|test|bt[wlq]|i?mul|i?div|push)/)) loads[name]++
    else {
        stores[name]++
        # The instruction copies memory to memory, or changes it in place.
        if (memory == 2 || op !~ /^(mov|set|stos|pop)/) loads[name]++
    }
}

# Returns the function that a call or jump targets, `*` and an operand if unknown, or nothing for a
# jump inside the function.
function target_of(operands,    register) {
    target_bias = bias
    if (relocation != "") return named(relocation)
    if (operands ~ /^\*%/) {
        register = substr(operands, 2)
        target_bias = held_bias[name, register]
        return held[name, register] != "" ? held[name, register] : operands
    }
    if (operands ~ /^\*/) return operands
    if (operands !~ /<[^+]+>$/) return ""
    sub(/.*</, "", operands)
    sub(/>$/, "", operands)
    return operands
}

# Returns the name of a relocation. A local function's relocation names its section and offset;
# resolved() finds the function's name at the end.
function named(relocated) { return relocated ~ /^\./ ? relocated : symbol(relocated) }

function symbol(relocated) {
    sub(/[-+]0x[0-9a-f]+$/, "", relocated)
    return relocated
}

# Returns the name of a function, which may be known only by its section and offset.
function resolved(target, bias,    part, offset) {
    if (target !~ /^\./) return target
    split(target, part, /[-+]0x/)
    offset = sprintf("%x", bias + (target ~ /-0x/ ? -1 : 1) * number(part[2]))
    return (part[1], offset) in in_section ? in_section[part[1], offset] : part[1]
}

# Returns an instruction or callee that does not return, in `caller` or in its callees in this file.
function panics(caller,    i, target, found) {
    if (caller in seen) return ""
    seen[caller]
    if (panic[caller] != "") return panic[caller]
    for (i = 1; i <= calls[caller]; i++) {
        target = resolved(callee[caller, i], callee_bias[caller, i])
        found = target ~ /panic|unwind|_fail(ed)?([^a-z]|$)|build_error|alloc_error/ ? target : panics(target)
        if (found != "") return found
    }
    return ""
}

# Prints an instruction with names in place of addresses.
function show(line,    field, op, operands, target) {
    split(line, field, SUBSEP)
    op = field[2]
    operands = field[3]
    target = symbol(resolved(field[4], field[5]))
    if (op ~ /^(call|j)/) {
        # A jump inside the function shows its offset.
        if (target == "") target = symbol(resolved(field[6], field[5]))
        if (target == "" && operands ~ /\+0x/) target = substr(operands, index(operands, "+0x") + 3)
        sub(/>$/, "", target)
        operands = target
    } else if (target != "") sub(/\(%rip\)|\$0x0|0x0/, target, operands)
    printf "%4s  %s%s\n", field[1], op, operands == "" ? "" : " " operands
}

# Removes the prefix and leading zeros of a hexadecimal number.
function address(text) {
    sub(/^(0x)?0*/, "", text)
    return text == "" ? "0" : text
}

function number(hex,    i, value) {
    for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return value
}
