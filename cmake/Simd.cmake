# A file's name says which instructions it may use: *_avx2.cpp, *_avx512.cpp, *_amx.cpp (those of avx512, and the
# tile instructions, which are written as assembly); every other file is baseline x86-64.
# (g++ 12 warns of its own AVX-512 headers, which use undefined values on purpose: GCC bug 105593.)
function(tern_simd_flags)
  foreach(source ${ARGN})
    if(source MATCHES "_avx2\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
    elseif(source MATCHES "_(avx512|amx)\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512")
      if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "-Wno-uninitialized" "-Wno-maybe-uninitialized")
      endif()
      if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND source MATCHES "_vnni_")  # clang knows no #pragma GCC target
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "-mavx512vnni")
      endif()
      if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND source MATCHES "_vbmi_")
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "-mavx512vbmi")
      endif()
    endif()
  endforeach()
endfunction()
