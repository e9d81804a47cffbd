// expect: a span or view refers to memory of this process
#include <span>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::span<int>>(); }
