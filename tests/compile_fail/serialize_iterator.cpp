// expect: an iterator points into a container of this process
#include <list>
#include <trine/serialize.hpp>

int main() { trine::require_process_copyable<std::list<int>::iterator>(); }
