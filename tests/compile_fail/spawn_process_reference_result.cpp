// expect: this result is a reference
#include <trine/trine.hpp>

int the_number = 3;
int& number() { return the_number; }

int main() { trine::spawn(trine::process, number).get(); }
