# SPDX-License-Identifier: GPL-2.0
#
# The part of measure.awk for x86-64.
#
# - `%rsp` is the stack. Atomic instructions on the stack count as fences.
# - These do no work: padding, `int3` after a jump, `endbr64`, `call __fentry__`.
# - A jump to a return thunk counts as a return.
# - The large code model of user-mode Linux loads an address into a register first. That load and
#   the use of the register count as one instruction.

BEGIN { COMMENT = "[ \t]+#.*" }

# A relative relocation is relative to the next instruction: in a call, four bytes after its place.
function bias_of(type) { return type ~ /_(32S?|64)$/ ? 0 : 4 }

function is_prefix(op) { return op ~ /^(lock|rep|repne|notrack|data16)$/ }

function is_branch(op) { return op ~ /^(call|j)/ }

function is_trap(op) { return op == "ud2" }

function reads_target(target) { return target ~ /^\*.*\(/ && target !~ /%rsp/ }

function name_of(op, operands) {
    return relocation ~ /^__x86_return_thunk/ || operands ~ /<__x86_return_thunk>/ ? "retq" : op
}

function does_work(op, operands) {
    if (op == "movabsq" && loads_address(operands)) return 0
    return op !~ /^(nop[wl]?|int3|endbr64)$/ && text !~ /^xchgw %ax, %ax/ && (relocation operands) !~ /__fentry__/
}

# Records the address that an instruction loads into a register, for a call through that register.
function loads_address(operands,    target) {
    target = relocation != "" ? named(relocation) : at[address(substr(operands, 2, index(operands, ",") - 2))]
    sub(/.*, /, "", operands)
    held[name, operands] = target
    held_bias[name, operands] = bias
    return target != ""
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
    return operands ~ /^\*/ ? operands : labelled(operands)
}

function count_accesses(op, operands,    n, i, operand, memory, where, is_destination, on_stack) {
    if (op ~ /^(push|pop)/ && operands !~ /\(/) {
        stack[name]++
        return
    }
    if (op ~ /^[lms]fence$/) fences[name]++
    if (op ~ /^([lms]fence$|lea|prefetch)/) return
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
