# SPDX-License-Identifier: GPL-2.0
#
# Measures the functions in what `llvm-objdump -dr --no-show-raw-insn --show-all-symbols` prints of an
# object file or a kernel, x86-64. Prints for each one line:
#
#   NAME INSTRUCTIONS CALLS ATOMICS FENCES LOADS STORES STACK PANIC CALLEES
#
# LOADS and STORES are instructions that read and write memory; one that does both counts twice. Those
# of the stack (push, pop, off %rsp) are STACK instead, atomic ones ATOMICS, and atomic ones of the stack, as
# well as `mfence` and the like, FENCES. CALLS are calls and jumps to other functions; CALLEES are their
# names, with commas, in the order of the code, or `-`. PANIC is what does not return in the function, or in
# one of the same file that it calls, or `-`.
#
# Not counted, because it does no work and the compilers of C and Rust may place it differently: padding,
# `int3` behind a jump, `endbr64`, `call __fentry__`. A jump to a return thunk is a return. Under the large
# code model of user-mode Linux an address is loaded into a register first: that counts with its use.
#
# -v symbols=FILE: a System.map, for calls that name no symbol.
# -v listing=NAME: print the instructions that count in this function instead.

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
    # Functions of the same code may be one with several names.
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

# Belongs to the instruction before it.
/R_X86_64_/ {
    relocation = $3
    # Relative ones count from the next instruction, four bytes on where it is a call.
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

# Counts the instruction in `text`, now that its relocation is known.
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

# Keeps in mind what address is loaded into which register, for a call through it.
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
        # From memory to memory, or changed in place.
        if (memory == 2 || op !~ /^(mov|set|stos|pop)/) loads[name]++
    }
}

# The function that a call or jump goes to, or `*` and an operand; nothing within a function.
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

# A local function is known by its section and its place there, and its name found at the end.
function named(relocated) { return relocated ~ /^\./ ? relocated : symbol(relocated) }

function symbol(relocated) {
    sub(/[-+]0x[0-9a-f]+$/, "", relocated)
    return relocated
}

# The name of a function that may be known by its place alone.
function resolved(target, bias,    part, offset) {
    if (target !~ /^\./) return target
    split(target, part, /[-+]0x/)
    offset = sprintf("%x", bias + (target ~ /-0x/ ? -1 : 1) * number(part[2]))
    return (part[1], offset) in in_section ? in_section[part[1], offset] : part[1]
}

# What does not return, in `caller` or in what it calls here.
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

# Prints an instruction with the names of what it refers to.
function show(line,    field, op, operands, target) {
    split(line, field, SUBSEP)
    op = field[2]
    operands = field[3]
    target = symbol(resolved(field[4], field[5]))
    if (op ~ /^(call|j)/) {
        # Within the function: the place to jump to.
        if (target == "") target = symbol(resolved(field[6], field[5]))
        if (target == "" && operands ~ /\+0x/) target = substr(operands, index(operands, "+0x") + 3)
        sub(/>$/, "", target)
        operands = target
    } else if (target != "") sub(/\(%rip\)|\$0x0|0x0/, target, operands)
    printf "%4s  %s%s\n", field[1], op, operands == "" ? "" : " " operands
}

# Without what printers put in front.
function address(text) {
    sub(/^(0x)?0*/, "", text)
    return text == "" ? "0" : text
}

function number(hex,    i, value) {
    for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return value
}
