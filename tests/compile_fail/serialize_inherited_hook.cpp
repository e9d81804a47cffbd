// expect: this type inherits the serialize() hook of its base
#include <string>

#include <trine/serialize.hpp>

struct person {
  std::string name;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& name;
  }
};
struct employee : person {
  std::string firm;
};

int main() { trine::require_process_copyable<employee>(); }
