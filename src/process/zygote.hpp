// The zygote: this executable once more, after its static constructors and instead of main. One
// thread, no heap of the parent's, so that forking it costs the same whatever the parent is like.
#pragma once

namespace trine::process_layer {

// The zygote's whole life; returns its exit code. Called by the start hook instead of main.
// `owner`: pid of the program it serves.
int zygote_main(char** argv, int owner);

}  // namespace trine::process_layer
