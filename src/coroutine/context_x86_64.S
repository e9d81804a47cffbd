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

#endif

    .section .note.GNU-stack, "", @progbits
