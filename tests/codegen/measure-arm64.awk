# SPDX-License-Identifier: GPL-2.0
#
# The part of measure.awk for arm64.
#
# - `sp` and `x29`, the frame pointer, are the stack. A pair counts as two accesses.
# - These do no work: padding, landing pads for indirect branches, data, and the frame record, which
#   Rust has in each function and C only in those that call others.
# - A store-exclusive is an atomic operation together with its load. C's atomic operations also have
#   newer instructions in another section, which the kernel patches in on a CPU that has them. What
#   the compiler placed in the function counts.

BEGIN { COMMENT = "[ \t]+//.*" }

function bias_of(type) { return 0 }

function is_prefix(op) { return 0 }

function is_branch(op) { return op ~ /^(bl?|blr|br|b\.[a-z]+|cbn?z|tbn?z)$/ }

function is_trap(op) { return op ~ /^(brk|udf)$/ }

function reads_target(target) { return 0 }

function name_of(op, operands) { return op }

function does_work(op, operands) {
    return op !~ /^(nop|bti|hint|\..*)$/ && (op " " operands) !~ /^([sl][td]p x29, x30, \[sp|(mov|add) x29, sp)/
}

# Returns the function that a branch targets, `*` and a register if unknown, or nothing for a branch
# inside the function.
function target_of(operands) {
    target_bias = 0
    if (relocation != "") return named(relocation)
    return operands ~ /^x[0-9]+$/ ? "*" operands : labelled(operands)
}

function count_accesses(op, operands,    accesses) {
    if (op ~ /^(dmb|dsb|isb)$/) fences[name]++
    if (operands !~ /\[/ || op ~ /^prf/) return
    # Loads and stores that order others: ldar, ldapr, ldaxr; stlr, stlxr; swpal and its like.
    if (op ~ /^(lda(p?u?r|x[rp])|((swp|cas)p?|ld(add|clr|eor|set|[su](max|min)))al?[bh]?$)/) acquires[name]++
    if (op ~ /^stl(u?r|x[rp])|^((swp|cas)p?|ld(add|clr|eor|set|[su](max|min)))a?l[bh]?$/) releases[name]++
    if (op ~ /^ld(a?xr|a?xp)/) return
    if (op ~ /^stl?x[rp]|^(swp|cas)|^(ld|st)(add|clr|eor|set|[su](max|min))/) {
        atomics[name]++
        return
    }
    accesses = op ~ /^(ld|st)n?p(sw)?$/ ? 2 : 1
    if (operands ~ /\[(sp|x29)[],]/) stack[name] += accesses
    else if (op ~ /^ld/) loads[name] += accesses
    else if (op ~ /^st/) stores[name] += accesses
}
