// The context switch of x86-64 (System V ABI).
//
// A suspended context is its stack pointer. On its stack, from the top down: return address, rbp,
// rbx, r12, r13, r14, r15, then 8 bytes of floating-point control (mxcsr, x87 control word).
// The return is a jump: a `ret` would be mispredicted at every switch.
//
// The control words are callee-saved by the ABI but change almost never: they are stored at each
// switch, and loaded only if those of the two contexts differ (a load of mxcsr costs more than
// all the rest). The six low bits of mxcsr are status, which a call may change.

#if defined(__x86_64__)

    .text
    .globl  trine_context_switch
    .hidden trine_context_switch
    .type   trine_context_switch, @function
    .p2align 5
// void trine_context_switch(void** save /* rdi */, void* to /* rsi */)
trine_context_switch:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq  $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movl  (%rsp), %eax
    movzwl 4(%rsp), %edx
    movq  %rsp, (%rdi)
    // From here the frame described is that of the other context, which has the same shape.
    movq  %rsi, %rsp
    xorl  (%rsp), %eax
    testl $0xffc0, %eax
    jne   1f
    cmpw  4(%rsp), %dx
    jne   1f
0:
    addq  $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq  %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq  %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq  %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq  %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq  %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq  %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    popq  %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmpq  *%rcx
    .cfi_endproc
1:
    .cfi_startproc
    .cfi_def_cfa rsp, 64
    .cfi_offset rip, -8
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    jmp   0b
    .cfi_endproc
    .size trine_context_switch, . - trine_context_switch

    .globl  trine_context_entry
    .hidden trine_context_entry
    .type   trine_context_entry, @function
    .p2align 4
// The first return address of a new context: calls r12 with rbx, and never comes back. The
// undefined return address tells unwinders and debuggers that the stack ends here.
trine_context_entry:
    .cfi_startproc
    .cfi_undefined rip
    movq  %rbx, %rdi
    xorl  %ebp, %ebp
    callq *%r12
    ud2
    .cfi_endproc
    .size trine_context_entry, . - trine_context_entry

#endif

    .section .note.GNU-stack, "", @progbits
