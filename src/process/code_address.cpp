#include "process/code_address.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace trine::process_layer {
namespace {

enum class where : std::uint8_t { null = 0, main_program = 1, module = 2 };

struct module_view {
  std::uintptr_t bias = 0;
  const ElfW(Phdr) * headers = nullptr;
  unsigned count = 0;
  std::string path;
  bool is_main = false;
};

bool contains(const dl_phdr_info& info, std::uintptr_t address) noexcept {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& part = info.dlpi_phdr[i];
    if (part.p_type == PT_LOAD && address - info.dlpi_addr - part.p_vaddr < part.p_memsz)
      return true;
  }
  return false;
}

// The first loaded module for which `wanted` holds.
template <class Predicate>
bool find_module(module_view& found, Predicate wanted) {
  struct search {
    module_view* found;
    Predicate* wanted;
    bool first = true, hit = false;
  } s{&found, &wanted};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& s_ = *static_cast<search*>(data);
        const bool is_main = std::exchange(s_.first, false);
        if (!(*s_.wanted)(*info)) return 0;
        s_.found->bias = info->dlpi_addr;
        s_.found->headers = info->dlpi_phdr;
        s_.found->count = info->dlpi_phnum;
        s_.found->path = info->dlpi_name != nullptr ? info->dlpi_name : "";
        s_.found->is_main = is_main;
        s_.hit = true;
        return 1;
      },
      &s);
  return s.hit;
}

std::string_view build_id(std::uintptr_t bias, const ElfW(Phdr) * headers,
                          unsigned count) noexcept {
  for (unsigned i = 0; i < count; ++i) {
    if (headers[i].p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(bias + headers[i].p_vaddr);
    const char* const end = at + headers[i].p_memsz;
    const std::size_t align = headers[i].p_align == 8 ? 8 : 4;
    const auto up = [align](std::size_t n) { return (n + align - 1) & ~(align - 1); };
    while (static_cast<std::size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const char* const name = at + sizeof note;
      const std::size_t whole = sizeof note + up(note.n_namesz) + up(note.n_descsz);
      if (whole > static_cast<std::size_t>(end - at)) break;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
        return {name + up(note.n_namesz), note.n_descsz};
      at += whole;
    }
  }
  return {};
}

__attribute__((no_sanitize("address"))) std::uint64_t mix(std::uint64_t hash, const void* data,
                                                          std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ p[i]) * 0x100000001b3ULL;  // FNV-1a
  return hash;
}

// For a module without a build-id. Program headers give the sizes of everything, read-only data
// holds tables that change with the code (unwind information above all). Code itself is left out:
// a debugger's breakpoints change it.
std::uint64_t digest(std::uintptr_t bias, const ElfW(Phdr) * headers, unsigned count) noexcept {
  std::uint64_t hash = mix(0xcbf29ce484222325ULL, headers, count * sizeof(ElfW(Phdr)));
  constexpr std::size_t most = 4 << 20;
  for (unsigned i = 0; i < count; ++i) {
    if (headers[i].p_type != PT_LOAD || headers[i].p_flags != PF_R) continue;
    const std::size_t size = headers[i].p_filesz < most ? headers[i].p_filesz : most;
    hash = mix(hash, reinterpret_cast<const void*>(bias + headers[i].p_vaddr), size);
  }
  return hash;
}

std::string identity(std::uintptr_t bias, const ElfW(Phdr) * headers, unsigned count) {
  const std::string_view id = build_id(bias, headers, count);
  if (!id.empty()) return std::string(id);
  char text[24];
  std::snprintf(text, sizeof text, "#%016llx",
                static_cast<unsigned long long>(digest(bias, headers, count)));
  return text;
}

const module_view& main_module() {
  static const module_view m = [] {
    module_view found;
    find_module(found, [](const dl_phdr_info&) { return true; });
    return found;
  }();
  return m;
}

bool in_main(std::uintptr_t address) {
  const module_view& m = main_module();
  for (unsigned i = 0; i < m.count; ++i)
    if (m.headers[i].p_type == PT_LOAD &&
        address - m.bias - m.headers[i].p_vaddr < m.headers[i].p_memsz)
      return true;
  return false;
}

// dlopen keeps the path as it was given; the working directory may be another by now.
std::string absolute_path(const module_view& m) {
  if (!m.path.empty() && m.path.front() == '/') return m.path;
  std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "re"), &std::fclose);
  if (maps == nullptr) return m.path;
  std::uintptr_t some = m.bias;
  for (unsigned i = 0; i < m.count; ++i)
    if (m.headers[i].p_type == PT_LOAD) {
      some = m.bias + m.headers[i].p_vaddr;
      break;
    }
  char line[4608], path[4200];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    unsigned long from = 0, to = 0;
    if (std::sscanf(line, "%lx-%lx %*s %*s %*s %*s %4199[^\n]", &from, &to, path) == 3 &&
        from <= some && some < to)
      return path;
  }
  return m.path;
}

std::uintptr_t load_module(const std::string& id, const std::string& path) {
  module_view m;
  const auto same = [&id](const dl_phdr_info& info) {
    return identity(info.dlpi_addr, info.dlpi_phdr, info.dlpi_phnum) == id;
  };
  if (find_module(m, same)) return m.bias;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* why = dlerror();
    throw usage_error("trine: the function is in a module that the worker process cannot load: " +
                      std::string(why != nullptr ? why : path.c_str()));
  }
  if (find_module(m, same)) return m.bias;
  throw usage_error("trine: the module " + path +
                    " is not the one this program has loaded (was it rebuilt or replaced "
                    "meanwhile?); restart the program");
}

}  // namespace

void encode_address(byte_writer& out, const void* address) {
  if (address == nullptr) {
    out.write_raw(static_cast<std::uint8_t>(where::null));
    return;
  }
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (in_main(at)) {
    out.write_raw(static_cast<std::uint8_t>(where::main_program));
    out.write_raw(static_cast<std::uint64_t>(at - main_module().bias));
    return;
  }
  module_view m;
  if (!find_module(m, [at](const dl_phdr_info& info) { return contains(info, at); }))
    throw usage_error(
        "trine: the function of a process unit is in no module of this program (generated code?); "
        "a worker process could not find it");
  out.write_raw(static_cast<std::uint8_t>(where::module));
  out.write_raw(static_cast<std::uint64_t>(at - m.bias));
  out.write_string(identity(m.bias, m.headers, m.count));
  out.write_string(absolute_path(m));
}

const void* decode_address(byte_reader& in) {
  const auto kind = static_cast<where>(in.read_raw<std::uint8_t>());
  if (kind == where::null) return nullptr;
  const auto offset = in.read_raw<std::uint64_t>();
  if (kind == where::main_program)
    return reinterpret_cast<const void*>(main_module().bias + offset);
  if (kind != where::module) throw wire_error("trine: these bytes name no function");
  const std::string id = in.read_string();
  const std::string path = in.read_string();
  return reinterpret_cast<const void*>(load_module(id, path) + offset);
}

std::string_view main_identity() {
  // Never destroyed: the keeper may greet a zygote while static destructors run.
  static const std::string& id = *[] {
    const module_view& m = main_module();
    return new std::string(identity(m.bias, m.headers, m.count));
  }();
  return id;
}

bool is_main_program(int fd) {
  const module_view& m = main_module();
  ElfW(Ehdr) header;
  if (pread(fd, &header, sizeof header, 0) != sizeof header ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phnum != m.count ||
      header.e_phentsize != sizeof(ElfW(Phdr)))
    return false;
  std::vector<ElfW(Phdr)> in_file(m.count);
  const std::size_t size = m.count * sizeof(ElfW(Phdr));
  return pread(fd, in_file.data(), size, static_cast<off_t>(header.e_phoff)) ==
             static_cast<ssize_t>(size) &&
         std::memcmp(in_file.data(), m.headers, size) == 0;
}

}  // namespace trine::process_layer
