// What can be asked at compile time. For the namespace S.
template <class T>
constexpr bool stays = !std::is_copy_constructible_v<T> && !std::is_move_constructible_v<T> &&
                       !std::is_copy_assignable_v<T> && !std::is_move_assignable_v<T>;
template <class T>
constexpr bool moves_only =
    std::is_nothrow_move_constructible_v<T>&& std::is_nothrow_move_assignable_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(stays<S::mutex> && stays<S::timed_mutex> && stays<S::recursive_mutex> &&
              stays<S::recursive_timed_mutex> && stays<S::shared_mutex> &&
              stays<S::shared_timed_mutex>);
static_assert(stays<S::condition_variable> && stays<S::condition_variable_any>);
static_assert(stays<S::counting_semaphore<>> && stays<S::binary_semaphore> && stays<S::latch> &&
              stays<S::barrier<>> && stays<S::once_flag>);
static_assert(std::is_nothrow_default_constructible_v<S::mutex>);
static_assert(std::is_nothrow_default_constructible_v<S::once_flag>);
static_assert(std::is_default_constructible_v<S::timed_mutex> &&
              std::is_default_constructible_v<S::recursive_mutex> &&
              std::is_default_constructible_v<S::recursive_timed_mutex> &&
              std::is_default_constructible_v<S::shared_mutex> &&
              std::is_default_constructible_v<S::shared_timed_mutex> &&
              std::is_default_constructible_v<S::condition_variable> &&
              std::is_default_constructible_v<S::condition_variable_any>);
static_assert(!std::is_default_constructible_v<S::latch> &&
              !std::is_default_constructible_v<S::barrier<>> &&
              !std::is_default_constructible_v<S::counting_semaphore<>>);
static_assert(!std::is_convertible_v<int, S::latch> && !std::is_convertible_v<int, S::barrier<>> &&
              !std::is_convertible_v<int, S::binary_semaphore>);
static_assert(std::is_standard_layout_v<S::mutex> &&
              std::is_standard_layout_v<S::recursive_mutex> &&
              std::is_standard_layout_v<S::condition_variable>);

static_assert(S::counting_semaphore<5>::max() >= 5);
static_assert(S::counting_semaphore<>::max() >= 1 && S::binary_semaphore::max() >= 1);
static_assert(S::latch::max() > 0 && S::barrier<>::max() > 0);
static_assert(std::is_same_v<S::binary_semaphore, S::counting_semaphore<1>>);
static_assert(noexcept(S::counting_semaphore<>::max()) && noexcept(S::latch::max()));
static_assert(noexcept(std::declval<S::binary_semaphore&>().try_acquire()));
static_assert(noexcept(std::declval<const S::latch&>().try_wait()));
static_assert(noexcept(std::declval<S::condition_variable&>().notify_one()) && noexcept(
    std::declval<S::condition_variable&>()
        .notify_all()) && noexcept(std::declval<S::condition_variable_any&>().notify_all()));
static_assert(std::is_same_v<decltype(std::declval<S::mutex&>().lock()), void> &&
              std::is_same_v<decltype(std::declval<S::mutex&>().try_lock()), bool> &&
              std::is_same_v<decltype(std::declval<S::shared_mutex&>().try_lock_shared()), bool>);
static_assert(std::is_move_constructible_v<S::barrier<>::arrival_token> &&
              std::is_move_assignable_v<S::barrier<>::arrival_token>);

static_assert(moves_only<S::future<int>> && moves_only<S::future<int&>> &&
              moves_only<S::future<void>>);
static_assert(moves_only<S::promise<int>> && moves_only<S::promise<int&>> &&
              moves_only<S::promise<void>>);
static_assert(moves_only<S::packaged_task<int(int)>>);
static_assert(std::is_nothrow_default_constructible_v<S::future<int>> &&
              std::is_nothrow_default_constructible_v<S::shared_future<int>> &&
              std::is_nothrow_default_constructible_v<S::packaged_task<int()>>);
static_assert(std::is_nothrow_copy_constructible_v<S::shared_future<int>> &&
              std::is_copy_assignable_v<S::shared_future<int&>> &&
              std::is_nothrow_move_assignable_v<S::shared_future<void>>);
static_assert(std::is_nothrow_constructible_v<S::shared_future<int>, S::future<int>>);
static_assert(std::is_same_v<decltype(std::declval<S::future<int>&>().get()), int> &&
              std::is_same_v<decltype(std::declval<S::future<int&>&>().get()), int&> &&
              std::is_same_v<decltype(std::declval<S::future<void>&>().get()), void>);
static_assert(
    std::is_same_v<decltype(std::declval<const S::shared_future<int>&>().get()), const int&> &&
    std::is_same_v<decltype(std::declval<const S::shared_future<int&>&>().get()), int&> &&
    std::is_same_v<decltype(std::declval<const S::shared_future<void>&>().get()), void>);
static_assert(noexcept(std::declval<S::future<int>&>().share()) && noexcept(
    std::declval<const S::future<int>&>()
        .valid()) && noexcept(std::declval<S::promise<int>&>()
                                  .swap(std::declval<S::promise<int>&>())));
static_assert(std::uses_allocator_v<S::promise<int>, std::allocator<int>> &&
              std::uses_allocator_v<S::promise<void>, std::allocator<int>>);

constinit S::mutex constant_mutex;
constinit S::once_flag constant_flag;
constinit S::latch constant_latch(3);
// Not constinit, though the standard has it: libstdc++ 12 has not (see trine_test.cpp).
S::counting_semaphore<9> constant_semaphore(4);
S::barrier<> constant_barrier(2);

PROGRAM(made_at_compile_time) {
  constant_mutex.lock();
  constant_mutex.unlock();
  S::call_once(constant_flag, [] {});
  constant_semaphore.acquire();
  constant_semaphore.release();
  EXPECT_FALSE(constant_latch.try_wait());
  constant_barrier.wait(constant_barrier.arrive(2));
}
