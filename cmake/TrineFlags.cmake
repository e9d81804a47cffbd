# Compiler flags. trine_flags(target) gives what all our code is built with;
# trine_runtime_flags(target) adds what only src/ gets.

set(TRINE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False in g++ 12 for std::string operator+ (GCC bug 105651).
  list(APPEND TRINE_WARNINGS -Wno-restrict)
  if(TRINE_SANITIZE)
    # Instrumented code confuses the analyses behind these two.
    list(APPEND TRINE_WARNINGS -Wno-maybe-uninitialized -Wno-stringop-overflow)
  endif()
else()
  # Part of -Wconversion in clang, not in g++.
  list(APPEND TRINE_WARNINGS -Wno-sign-conversion)
endif()
if(TRINE_WERROR)
  list(APPEND TRINE_WARNINGS -Werror)
endif()

set(TRINE_SANITIZE_FLAGS "")
set(TRINE_DEFINES "")
if(TRINE_SANITIZE STREQUAL "address")
  set(TRINE_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
  list(APPEND TRINE_DEFINES TRINE_ASAN=1)
elseif(TRINE_SANITIZE STREQUAL "thread")
  set(TRINE_SANITIZE_FLAGS -fsanitize=thread)
  list(APPEND TRINE_DEFINES TRINE_TSAN=1)
endif()
if(TRINE_CHECKS)
  list(APPEND TRINE_DEFINES TRINE_CHECKS=1)
endif()

find_package(Threads REQUIRED)

function(trine_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:${TRINE_WARNINGS}>"
    -fno-omit-frame-pointer -pthread ${TRINE_SANITIZE_FLAGS})
  target_link_options(${target} PRIVATE ${TRINE_SANITIZE_FLAGS})
endfunction()

function(trine_runtime_flags target)
  trine_flags(${target})
  # Nobody replaces our functions by others of the same name, so calls within a file may be inlined
  # although the code is position-independent. clang takes that for granted.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX,C>:-fno-semantic-interposition>")
  endif()
  target_compile_definitions(${target} PRIVATE ${TRINE_DEFINES})
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX,C>:-ftls-model=initial-exec>")
endfunction()
