# Layers (object libraries trine_<layer>) and the library made of them.

function(trine_add_layer layer)
  set(dir "${PROJECT_SOURCE_DIR}/src/${layer}")
  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.cpp" "${dir}/*.S")
  if(NOT sources)
    return()
  endif()
  add_library(trine_${layer} OBJECT ${sources})
  trine_runtime_flags(trine_${layer})
  target_include_directories(trine_${layer} PRIVATE
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  set_property(GLOBAL APPEND PROPERTY TRINE_OBJECT_LAYERS trine_${layer})
endfunction()

function(trine_add_library)
  get_property(layers GLOBAL PROPERTY TRINE_OBJECT_LAYERS)
  if(NOT layers)
    message(FATAL_ERROR "No layer under src/ has a source file, so there is no library to build.")
  endif()
  set(objects "")
  foreach(layer IN LISTS layers)
    list(APPEND objects "$<TARGET_OBJECTS:${layer}>")
  endforeach()

  # Static by default: src/process/start_hook.cpp defines __libc_start_main, which crt1.o refers to,
  # so the linker takes it from the archive into every executable without a special option.
  add_library(trine ${objects})
  add_library(trine::trine ALIAS trine)
  set_target_properties(trine PROPERTIES
    LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_compile_features(trine PUBLIC cxx_std_20)
  target_include_directories(trine PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>")
  target_link_libraries(trine PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
  # Functions are named across processes by the build-id of their module.
  target_link_options(trine PUBLIC LINKER:--build-id ${TRINE_SANITIZE_FLAGS})
endfunction()
