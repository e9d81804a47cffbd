// Functions named across processes: a module and an offset in it, because the system puts modules
// at other addresses in each process.
//
// The main program is the same file in a worker as here (the zygote is started from it, and its
// hello proves it), so an offset is enough. Any other module is named by its build-id, or a digest
// of its headers and read-only data when it has none, and by its path: a worker that has not loaded
// it opens that path and compares.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <trine/serialize.hpp>

namespace trine::process_layer {

// Appends the name of the function at `address`; null is allowed. Throws usage_error when it is in
// no module (generated code).
void encode_address(byte_writer& out, const void* address);

// The function here. Throws usage_error when its module cannot be loaded or is another build,
// wire_error for other bytes.
const void* decode_address(byte_reader& in);

// The identity of the running main program: build-id or digest.
std::string_view main_identity();

// Whether the file open as `fd` is what the main program was mapped from: its program headers are
// the ones in memory. (Device and inode will not do: in /proc/self/maps they are those of the lower
// layer on an overlay, and under an emulator /proc/self/exe is the emulator.)
bool is_main_program(int fd);

}  // namespace trine::process_layer
