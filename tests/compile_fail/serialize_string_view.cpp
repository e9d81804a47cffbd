// expect: std::string_view refers to memory of this process; pass a std::string
#include <string_view>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::string_view>(); }
