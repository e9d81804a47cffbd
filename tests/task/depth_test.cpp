#include "depth.hpp"

TEST(depth, a_million_awaits_need_no_stack) { depth::run_all(); }
