// expect: a callable object with state cannot cross to a process
#include <functional>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::function<void()>>(); }
