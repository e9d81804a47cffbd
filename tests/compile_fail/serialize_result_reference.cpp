// expect: this result is a reference
#include <trine/serialize.hpp>

int main() { trine::require_process_result<int&>(); }
