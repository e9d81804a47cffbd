// All of Trine: one function as a process, a thread or a coroutine.
//
//   #include <trine/trine.hpp>
//   long count(int rounds);
//   int main() { return trine::spawn(trine::process, count, 1000).get() == 499500 ? 0 : 1; }
#pragma once

#include <trine/barrier.hpp>
#include <trine/channel.hpp>
#include <trine/co.hpp>
#include <trine/condition_variable.hpp>
#include <trine/configure.hpp>
#include <trine/doctor.hpp>
#include <trine/errors.hpp>
#include <trine/event.hpp>
#include <trine/future.hpp>
#include <trine/generator.hpp>
#include <trine/handle.hpp>
#include <trine/latch.hpp>
#include <trine/map.hpp>
#include <trine/mutex.hpp>
#include <trine/observe.hpp>
#include <trine/once.hpp>
#include <trine/parallel.hpp>
#include <trine/scope.hpp>
#include <trine/select.hpp>
#include <trine/semaphore.hpp>
#include <trine/serialize.hpp>
#include <trine/shared_array.hpp>
#include <trine/shared_channel.hpp>
#include <trine/shared_mutex.hpp>
#include <trine/shared_sync.hpp>
#include <trine/spawn.hpp>
#include <trine/task.hpp>
#include <trine/this_unit.hpp>
#include <trine/unit.hpp>
#include <trine/unit_local.hpp>
#include <trine/when.hpp>
