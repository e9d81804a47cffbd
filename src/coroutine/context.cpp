#include "coroutine/context.hpp"

#include <cxxabi.h>

namespace trine::coroutines {

exception_state* this_thread_exceptions() noexcept {
  return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
}

}  // namespace trine::coroutines
