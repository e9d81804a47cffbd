// The locale that uselocale() sets, which the C library keeps per thread.
#pragma once

#include <locale.h>

namespace trine::os {

// The calling thread's word in which the C library keeps that locale: two equal values mean the
// same locale. To be read by this thread only, and written by uselocale() only. Null where it
// cannot be told which word it is (a C library other than glibc); ask uselocale(nullptr) there.
const locale_t* locale_word() noexcept;

}  // namespace trine::os
