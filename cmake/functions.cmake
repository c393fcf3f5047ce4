# The bootstraps of the functions, linked fully static: one file that runs in an empty root, on
# AWS's provided.al2023 as here. Not with sanitizers, which need shared libraries.
#
# Debian's libpq.a wants GSSAPI and LDAP, which have no static libraries worth linking: stubs refuse.
# libspdlog has no archive either: what the functions use does not log through it.

option(AG_STATIC_FUNCTIONS "Link the bootstraps of the functions fully static" ON)

find_path(AG_PG_SERVER_LIB_DIR libpgcommon_shlib.a PATHS /usr/lib/postgresql/15/lib NO_DEFAULT_PATH)

function(ag_bootstrap name source)
  add_executable(bootstrap-${name} ${source})
  set_target_properties(bootstrap-${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/functions/${name} RUNTIME_OUTPUT_NAME bootstrap)
  target_precompile_headers(bootstrap-${name} REUSE_FROM ag_pch)
  if(NOT AG_STATIC_FUNCTIONS)
    target_link_libraries(bootstrap-${name} PRIVATE ag_functions)
    return()
  endif()
  if(NOT TARGET ag_static_parts)
    add_library(ag_static_parts STATIC ${CMAKE_SOURCE_DIR}/cmake/libpq_stubs.cc)
  endif()
  target_include_directories(bootstrap-${name} PRIVATE
    $<TARGET_PROPERTY:ag_functions,INTERFACE_INCLUDE_DIRECTORIES>)
  set(archives "")
  foreach(part functions load awsclient pgclient net awsapi model base boost static_parts)
    list(APPEND archives $<TARGET_FILE:ag_${part}>)
    add_dependencies(bootstrap-${name} ag_${part})
  endforeach()
  target_link_options(bootstrap-${name} PRIVATE -static)
  target_link_libraries(bootstrap-${name} PRIVATE
    -Wl,--start-group ${archives} -Wl,--end-group
    -L${AG_PG_SERVER_LIB_DIR} -l:libpq.a -lpgcommon_shlib -lpgport_shlib
    -l:libpugixml.a -l:libssl.a -l:libcrypto.a)
endfunction()
