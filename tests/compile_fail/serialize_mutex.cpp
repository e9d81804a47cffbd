// expect: mutexes, atomics and threads belong to one process
#include <mutex>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::mutex>(); }
