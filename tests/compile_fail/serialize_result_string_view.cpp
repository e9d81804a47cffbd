// expect: this result is a view of memory
#include <string_view>
#include <trine/serialize.hpp>

int main() { trine::require_process_result<std::string_view>(); }
