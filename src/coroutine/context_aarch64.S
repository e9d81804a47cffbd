// Where a new context begins on AArch64 (AAPCS64); the switch itself is in context_aarch64.hpp.

#if defined(__aarch64__)

    .text
    .globl  trine_context_entry
    .hidden trine_context_entry
    .type   trine_context_entry, %function
    .p2align 4
// The stack holds the function to go to and its argument. It is entered by a jump, so that the
// processor's stack of return addresses stays as it was; it never comes back. The undefined return
// address tells unwinders and debuggers that the stack ends here.
trine_context_entry:
    .cfi_startproc
    .cfi_undefined x30
    hint  #36
    ldp   x16, x0, [sp], #16
    mov   x29, xzr
    adr   x30, 0f
    br    x16
    nop
0:
    udf   #0
    .cfi_endproc
    .size trine_context_entry, . - trine_context_entry

#endif

    .section .note.GNU-stack, "", %progbits
