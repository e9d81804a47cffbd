#include "process/start_hook.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "process/program_state.hpp"
#include "process/zygote.hpp"

namespace {

using main_function = int (*)(int, char**, char**);
using start_function = int (*)(main_function, int, char**, void (*)(), void (*)(), void (*)(),
                               void*);

main_function the_main = nullptr;
bool is_zygote = false;
int zygote_owner = 0;
bool hook_ran = false;

int wrapped_main(int argc, char** argv, char** envp) {
  if (is_zygote) return trine::process_layer::zygote_main(argv, zygote_owner);
  trine::process_layer::note_main_entered();
  return the_main(argc, argv, envp);
}

// Removes the marker from the block that environ points to (or will point to). Returns its value.
const char* take_marker(char** envp) noexcept {
  const char* value = nullptr;
  char** keep = envp;
  const std::size_t length = std::strlen(trine::process_layer::zygote_marker);
  for (char** p = envp; *p != nullptr; ++p) {
    if (std::strncmp(*p, trine::process_layer::zygote_marker, length) == 0 && (*p)[length] == '=')
      value = *p + length + 1;
    else
      *keep++ = *p;
  }
  *keep = nullptr;
  return value;
}

[[noreturn]] void refuse(const char* sentence) noexcept {
  if (write(2, sentence, std::strlen(sentence)) < 0) _exit(126);
  _exit(127);
}

}  // namespace

// Hidden, and so the address of ours, whoever interposes the public name.
extern "C" __attribute__((visibility("hidden"))) int trine_start_main(
    main_function user_main, int argc, char** argv, void (*init)(), void (*fini)(),
    void (*rtld_fini)(), void* stack_end) {
  // RTLD_NEXT: ours is in the executable or in a library before the C library.
  const auto next = reinterpret_cast<start_function>(dlsym(RTLD_NEXT, "__libc_start_main"));
  if (next == nullptr)
    refuse("trine: the C library has no __libc_start_main to go on with; Trine needs glibc\n");
  hook_ran = true;
  the_main = user_main;
  const char* const marker = take_marker(argv + argc + 1);
  if (marker != nullptr) {
    is_zygote = true;
    char* colon = nullptr;
    trine::process_layer::set_nesting_depth(
        static_cast<unsigned>(std::strtoul(marker, &colon, 10)));
    if (*colon == ':') zygote_owner = static_cast<int>(std::strtol(colon + 1, nullptr, 10));
  }
  trine::process_layer::the_state.store(trine::process_layer::program_state::before_main,
                                        std::memory_order_relaxed);
  return next(wrapped_main, argc, argv, init, fini, rtld_fini, stack_end);
}

// Weak: in a fully static executable the C library's own stands beside it, and wins.
extern "C" __attribute__((visibility("default"), weak, alias("trine_start_main"))) int
__libc_start_main(main_function user_main, int argc, char** argv, void (*init)(), void (*fini)(),
                  void (*rtld_fini)(), void* stack_end);

namespace trine::process_layer {

bool start_hook_is_effective() noexcept {
  if (hook_ran) return true;
  // Statically linked into the executable: its startup code was linked to this name.
  struct query {
    std::uintptr_t address;
    bool inside_main = false;
  } q{reinterpret_cast<std::uintptr_t>(&trine_start_main)};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& query_ = *static_cast<query*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type == PT_LOAD &&
              query_.address - info->dlpi_addr - part.p_vaddr < part.p_memsz)
            query_.inside_main = true;
        }
        return 1;  // only the first module, which is the main program
      },
      &q);
  if (q.inside_main) return reinterpret_cast<std::uintptr_t>(&__libc_start_main) == q.address;
  // In a shared library: does the executable's reference lead here?
  return dlsym(RTLD_DEFAULT, "__libc_start_main") == reinterpret_cast<void*>(&trine_start_main);
}

bool executable_is_static() noexcept { return getauxval(AT_BASE) == 0; }

}  // namespace trine::process_layer
