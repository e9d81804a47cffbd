// Where a new context begins on x86-64 (System V ABI); the switch itself is in context_x86_64.hpp.

#if defined(__x86_64__)

    .text
    .globl  trine_context_entry
    .hidden trine_context_entry
    .type   trine_context_entry, @function
    .p2align 4
// The stack holds the function to go to, its argument, and a word for its return address. It is
// entered by a jump, so that the processor's stack of return addresses stays as it was; it never
// comes back. The undefined return address tells unwinders and debuggers that the stack ends here.
trine_context_entry:
    .cfi_startproc
    .cfi_undefined rip
    popq  %rax
    popq  %rdi
    xorl  %ebp, %ebp
    leaq  0f(%rip), %rcx
    pushq %rcx
    jmpq  *%rax
    nop
0:
    ud2
    .cfi_endproc
    .size trine_context_entry, . - trine_context_entry

    .globl  trine_call_entry
    .hidden trine_call_entry
    .type   trine_call_entry, @function
    .p2align 4
// The outermost frame of a call on another stack (call_on_stack): calls rdx, which keeps r12 and
// r13, and goes on at one of them. For unwinders the stack ends here too.
trine_call_entry:
    .cfi_startproc
    .cfi_undefined rip
    xorl  %ebp, %ebp
    callq *%rdx
    testb %al, %al
    jne   1f
    jmpq  *%r12
1:
    leaq  0f(%rip), %rcx
    pushq %rcx
    jmpq  *%r13
    nop
0:
    ud2
    .cfi_endproc
    .size trine_call_entry, . - trine_call_entry

    .globl  trine_yield
    .hidden trine_yield
    .type   trine_yield, @function
    .p2align 4
// A switch that is called: rdi says where to keep the context, rsi is the one to go on with. What is
// kept has the form that switch_context expects, and the reverse. Nothing is left to be done after
// it, so it is the last call of its caller, and its return address is that of the user's yield.
//
// The processor predicts that a return goes to where the last call came from, which here is the one
// who leaves. If the one who arrives called from the same place, that is true, and all is in balance.
// If not, a return would be mispredicted; a jump is not, for jumps are predicted by their history.
trine_yield:
    .cfi_startproc
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_offset rbx, -16
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_offset r12, -24
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_offset r13, -32
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_offset r14, -40
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_offset r15, -48
    leaq  1f(%rip), %rax
    movq  40(%rsp), %r11
    subq  $24, %rsp
    .cfi_adjust_cfa_offset 24
    movq  %rax, 16(%rsp)
    movq  %rbp, 8(%rsp)
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movl  (%rsp), %eax
    movzwl 4(%rsp), %edx
    movq  %rsp, (%rdi)
    movq  %rsi, %rsp
    xorl  (%rsp), %eax
    xorw  4(%rsp), %dx
    andl  $0xffc0, %eax
    orl   %edx, %eax
    jne   3f
    .cfi_remember_state
0:
    movq  8(%rsp), %rbp
    movq  16(%rsp), %rax
    addq  $24, %rsp
    .cfi_adjust_cfa_offset -24
    jmpq  *%rax
1:
    // From a switch_context r11 is anything: then it jumps, most likely.
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
    cmpq  (%rsp), %r11
    jne   2f
    retq
2:
    popq  %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmpq  *%rcx
3:
    .cfi_restore_state
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp   0b
    .cfi_endproc
    .size trine_yield, . - trine_yield

#endif

    .section .note.GNU-stack, "", @progbits
