// expect: this argument holds a raw pointer
#include <trine/serialize.hpp>
#include <tuple>

int main() { trine::require_process_copyable<std::tuple<int, const char*>>(); }
