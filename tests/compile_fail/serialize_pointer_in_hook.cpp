// expect: this argument holds a raw pointer
#include <trine/serialize.hpp>

struct node {
  node* next = nullptr;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& next;
  }
};

int main() {
  trine::byte_buffer out;
  trine::serialize_to(out, node());
}
