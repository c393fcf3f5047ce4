# One function per kind of thing we build, and the libraries we stand on.

find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(pugixml REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(yaml-cpp REQUIRED)

# Debian's libzip-config.cmake wants the package's programs as well; the library is enough.
find_library(AG_LIBZIP zip REQUIRED)
add_library(ag_zip INTERFACE)
target_link_libraries(ag_zip INTERFACE ${AG_LIBZIP})

add_compile_options(-Wall -Wextra -Wno-missing-field-initializers -Wno-unused-lambda-capture -fno-omit-frame-pointer)
option(AG_WERROR "Treat warnings as errors: in presets that developers use, not in a user's build" OFF)
if(AG_WERROR)
  add_compile_options(-Werror)
endif()
option(AG_INLINE "Inline functions as the optimization level says: off for what is only tested" ON)
if(NOT AG_INLINE)
  add_compile_options("SHELL:-mllvm -inline-threshold=0")
endif()
if(AG_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                        BOOST_ASIO_NO_DEPRECATED TOML_HEADER_ONLY=0 JSON_USE_IMPLICIT_CONVERSIONS=0)

# Asio, Beast and JSON compiled once instead of in every file.
add_library(ag_boost STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_impl.cc ${CMAKE_SOURCE_DIR}/cmake/json_impl.cc)
target_link_libraries(ag_boost PUBLIC
  Boost::headers OpenSSL::SSL Threads::Threads nlohmann_json::nlohmann_json)

# Code that only tests run is not optimized, whatever the preset says of the product: the optimizer
# would take two thirds of the time that it takes to compile, and it runs for a moment.
function(ag_only_tests)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE -O0)
  endforeach()
endfunction()

# The heavy headers, parsed once for all modules that do I/O, and once for all of their tests.
foreach(pch pch pch_of_tests)
  add_library(ag_${pch} OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cc)
  target_include_directories(ag_${pch} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(ag_${pch} PUBLIC ag_boost spdlog::spdlog nlohmann_json::nlohmann_json)
  target_precompile_headers(ag_${pch} PUBLIC ${CMAKE_SOURCE_DIR}/cmake/${pch}.h)
  # A compiler cache may hand out a precompiled header that was made from the same contents at
  # another time. That installed headers have changed is noticed by ./dev build.
  target_compile_options(ag_${pch} PUBLIC "SHELL:-Xclang -fno-pch-timestamp")
endforeach()
target_link_libraries(ag_pch_of_tests PUBLIC GTest::gtest)
ag_only_tests(ag_pch_of_tests)

# Several files of a module at a time: what they have in common (templates, inline functions) is
# compiled once. For builds from nothing; with one file at a time a small change is built sooner.
option(AG_UNITY "Compile the files of a module together" OFF)
set(AG_UNITY_BATCH 13)

# ag_apart(name group files...): these files of a module are compiled together, apart from the others,
# so that who links the library takes the one without the other.
function(ag_apart name group)
  get_target_property(sources ag_${name} SOURCES)
  set_target_properties(ag_${name} PROPERTIES UNITY_BUILD_MODE GROUP)
  foreach(source ${sources})
    get_filename_component(file ${source} NAME)
    if(file IN_LIST ARGN)
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    else()
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP others)
    endif()
  endforeach()
endfunction()

# ag_module(name [PCH] LINK libs... [TEST_LINK libs...]): library ag_<name> from src/<name>/**.cc, and the test program
# <name>_test from the *_test.cc beside them and what is in testing/ (ag_<name>_testing, where other
# modules use it, too).
function(ag_module name)
  cmake_parse_arguments(ARG "PCH" "" "LINK;TEST_LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(testing ${sources})
  list(FILTER testing INCLUDE REGEX "/testing/")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$|/bootstrap/|/testing/")
  if(sources)
    add_library(ag_${name} STATIC ${sources})
    target_include_directories(ag_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(ag_${name} PUBLIC ${ARG_LINK})
    set_target_properties(ag_${name} PROPERTIES
      UNITY_BUILD ${AG_UNITY} UNITY_BUILD_BATCH_SIZE ${AG_UNITY_BATCH})
    if(ARG_PCH)
      target_precompile_headers(ag_${name} REUSE_FROM ag_pch)
    endif()
  else()
    add_library(ag_${name} INTERFACE)
    target_link_libraries(ag_${name} INTERFACE ${ARG_LINK})
  endif()
  if(testing)
    add_library(ag_${name}_testing STATIC ${testing})
    target_link_libraries(ag_${name}_testing PUBLIC ag_${name} GTest::gtest ${ARG_TEST_LINK})
    ag_only_tests(ag_${name}_testing)
    if(ARG_PCH)
      target_precompile_headers(ag_${name}_testing REUSE_FROM ag_pch_of_tests)
    endif()
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    ag_only_tests(${name}_test)
    target_link_libraries(${name}_test PRIVATE
      ag_${name} GTest::gtest GTest::gtest_main ${ARG_TEST_LINK})
    if(testing)
      target_link_libraries(${name}_test PRIVATE ag_${name}_testing)
    endif()
    set_target_properties(${name}_test PROPERTIES
      UNITY_BUILD ${AG_UNITY} UNITY_BUILD_BATCH_SIZE ${AG_UNITY_BATCH})
    target_compile_definitions(${name}_test PRIVATE AURORA_GLOBAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(ARG_PCH)
      target_precompile_headers(${name}_test REUSE_FROM ag_pch_of_tests)
    endif()
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()

function(ag_executable name source)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(EXISTS ${CMAKE_SOURCE_DIR}/${source})
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    target_precompile_headers(${name} REUSE_FROM ag_pch)
  endif()
endfunction()
