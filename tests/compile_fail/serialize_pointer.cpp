// expect: this argument holds a raw pointer
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<int*>(); }
