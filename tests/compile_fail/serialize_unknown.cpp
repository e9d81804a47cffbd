// expect: this type cannot cross to a process; make it trivially copyable
#include <string>

#include <trine/serialize.hpp>

struct person {
  std::string name;
};

int main() { trine::require_process_copyable<person>(); }
