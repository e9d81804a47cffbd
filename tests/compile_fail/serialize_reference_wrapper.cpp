// expect: std::reference_wrapper refers to an object of this process
#include <functional>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::reference_wrapper<int>>(); }
