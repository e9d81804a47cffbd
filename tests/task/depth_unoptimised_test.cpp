// The same loops, compiled as a debug build does.
#if !defined(__clang__)
#pragma GCC optimize("O0")
#endif
#define depth depth_unoptimised  // another namespace: these functions must not be the others'
#include "depth.hpp"

TEST(depth_of_a_debug_build, a_million_awaits_need_no_stack) { depth_unoptimised::run_all(); }
