// All programs, for the namespace S. No include guard: once for each namespace and file.
#include "programs/traits.hpp"
//
#include "programs/mutex.hpp"
//
#include "programs/shared_mutex.hpp"
//
#include "programs/condition.hpp"
//
#include "programs/counting.hpp"
//
#include "programs/once.hpp"
//
#include "programs/future.hpp"
//
#include "programs/together.hpp"
