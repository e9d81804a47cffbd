# What an installation holds: headers, library, CMake package, trine.pc and the command.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/trine" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(TARGETS trine EXPORT trineTargets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

# gdb commands: source this file.
install(FILES "${PROJECT_SOURCE_DIR}/debug/trine-gdb.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/trine")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/trine")
install(EXPORT trineTargets NAMESPACE trine:: DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/trineConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/trineConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/trineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/trineConfig.cmake"
              "${PROJECT_BINARY_DIR}/package/trineConfigVersion.cmake"
        DESTINATION "${package_dir}")

# Relative to where the .pc file lies, so that `cmake --install --prefix` may choose any place.
file(RELATIVE_PATH TRINE_PC_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
string(REGEX REPLACE "/$" "" TRINE_PC_PREFIX "${TRINE_PC_PREFIX}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/trine.pc.in"
  "${PROJECT_BINARY_DIR}/package/trine.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/trine.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
