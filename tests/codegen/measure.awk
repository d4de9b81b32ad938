# SPDX-License-Identifier: GPL-2.0
#
# Measures the functions in the output of `llvm-objdump -dtr --no-show-raw-insn --show-all-symbols`
# for an object file or a kernel. measure-x86.awk or measure-arm64.awk, the next program, has the
# functions that depend on the processor. Prints one line for each function:
#
#   NAME INSTRUCTIONS CALLS ATOMICS FENCES LOADS STORES STACK ACQUIRES RELEASES PANIC CALLEES
#
# - LOADS, STORES: accesses to memory; an instruction that reads and writes counts in both
# - STACK: accesses to the stack; LOADS and STORES omit them
# - ATOMICS: atomic operations
# - FENCES: instructions that only order accesses
# - ACQUIRES, RELEASES: instructions that load with acquire or store with release; 0 on x86-64,
#   where every load acquires and every store releases
# - CALLS: calls of other functions, and jumps to them
# - CALLEES: the names of the called functions in the order of the code, separated by commas, or `-`
# - PANIC: a trap or callee that does not return, also in callees of the same file, or `-`
#
# Some instructions do no work, and the compilers of C and Rust may place them differently. They do
# not count.
#
# -v symbols=FILE: a System.map, to name the targets of calls without a symbol
# -v listing=NAME: print the instructions of this function that count, instead of the measurements

BEGIN {
    while (symbols != "" && (getline line < symbols) > 0) {
        split(line, part, " ")
        if (part[2] ~ /^[tT]$/ && part[3] !~ /^__(pfx|cfi)_/) at[address(part[1])] = part[3]
    }
}

# A line of the symbol table. Replacements of instructions may follow the end of a function.
$3 == "F" {
    size[$4, address($1)] = number($5)
    next
}

/^Disassembly of section / {
    finish()
    section = substr($4, 1, length($4) - 1)
    next
}

# A mark of code or data, not a function.
/^[0-9a-f]+ <\$[a-z.0-9]+>:$/ {
    finish()
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
        end = size[section, address($1)]
        ignored = name ~ /^__(pfx|cfi)_/
    }
    same_as[shown] = name
    if (!ignored) order[++functions] = shown
    next
}

# A relocation belongs to the previous instruction.
/R_(X86_64|AARCH64)_/ {
    relocation = $3
    bias = bias_of($2)
    next
}

/^ *[0-9a-f]+:/ {
    finish()
    distance = number(substr($1, 1, length($1) - 1)) - start
    if (end > 0 && distance >= end) next
    place = sprintf("%x", distance)
    sub(/^ *[0-9a-f]+:[ \t]*/, "")
    sub(COMMENT, "")
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
            stores[name] + 0, stack[name] + 0, acquires[name] + 0, releases[name] + 0, found == "" ? "-" : found, list
    }
}

# Counts the instruction in `text`. Its relocation, which follows it, has been read.
function finish(    op, operands) {
    if (text != "" && !ignored) {
        operands = text
        while (match(operands, /^[a-z0-9.]+ */)) {
            op = substr(operands, 1, RLENGTH)
            operands = substr(operands, RLENGTH + 1)
            sub(/ $/, "", op)
            if (!is_prefix(op)) break
        }
        op = name_of(op, operands)
        if (does_work(op, operands)) {
            instructions[name]++
            if (same_as[listing] == name) listed[++lines] = place SUBSEP op SUBSEP operands SUBSEP relocation SUBSEP bias SUBSEP target_of(operands)
            count(op, operands)
        }
    }
    text = relocation = ""
}

function count(op, operands,    target) {
    if (is_trap(op)) panic[name] = op
    else if (is_branch(op)) {
        target = target_of(operands)
        if (reads_target(target)) loads[name]++
        if (target ~ /^\*/) target = "indirect"
        if (target != "" && target != name) {
            calls[name]++
            callee[name, calls[name]] = target
            callee_bias[name, calls[name]] = target_bias
        }
    } else count_accesses(op, operands)
}

# Returns the function whose first instruction is an operand, or nothing.
function labelled(operands) {
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

# Returns a trap or callee that does not return, in `caller` or in its callees in this file.
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
    if (is_branch(op)) {
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

# Returns the value of the last eight hexadecimal digits.
function number(hex,    i, value) {
    for (i = length(hex) > 8 ? length(hex) - 7 : 1; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return value
}
