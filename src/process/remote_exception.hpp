// How exceptions cross a process boundary.
//
// A standard exception, or one of Trine's, arrives as the same type with the same what(). Only the
// exact type counts: what derives from std::runtime_error arrives as remote_error, which keeps the
// name of its type and its what(), for a standard type would have lost what made it special.
// The exceptions nested in one (std::throw_with_nested) are added to its what(): "outer; caused by:
// inner".
//
// Wire format: one byte, the index in the table of remote_exception.cpp, then what that entry
// writes. Both ends run the same program, so the table is the same.
#pragma once

#include <exception>

#include <trine/serialize.hpp>

namespace trine::detail {

// Appends an encoding of the exception; null is allowed. Throws only wire_error and std::bad_alloc,
// when the buffer cannot hold it; nothing is left in the buffer then. Calls the exception's what().
void encode_exception(byte_writer& out, const std::exception_ptr& error);

// The exception that was encoded. Throws wire_error when the bytes are no such encoding.
std::exception_ptr decode_exception(byte_reader& in);

}  // namespace trine::detail
