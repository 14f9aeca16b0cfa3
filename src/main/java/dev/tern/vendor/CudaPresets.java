package dev.tern.vendor;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Loads JavaCPP's CUDA presets and the libraries they bind, once each, and says in one line why one cannot be had. No class that names a class of
 * the presets is touched before {@link #unavailable} was asked here. Thread-safe.
 */
final class CudaPresets {
  /** What can be there without the rest. */
  enum Part {
    RUNTIME("cudart", null, "libcuda.so.1", "libcudart.so.13"),
    NVML("nvml", RUNTIME, "libnvidia-ml.so.1"),
    CUBLASLT("cublas", RUNTIME, "libcublasLt.so.13", "libcublas.so.13"),
    // libcudnn.so.9 opens the others, and libnvrtc.so.13, by name: found if they are loaded already.
    CUDNN("cudnn", CUBLASLT, "libnvrtc.so.13", "libcudnn.so.9");

    private final String globals;
    /** Loaded by the presets before it; null: nothing is. */
    private final Part base;
    private final List<String> libraries;

    Part(String globals, Part base, String... libraries) {
      this.globals = "org.bytedeco.cuda.global." + globals;
      this.base = base;
      this.libraries = List.of(libraries);
    }
  }

  private static final Map<Part, Optional<String>> ASKED = new EnumMap<>(Part.class);
  private static final Pattern MISSING = Pattern.compile("(lib[A-Za-z0-9_+-]+\\.so[.0-9]*): cannot open shared object file");

  private CudaPresets() {}

  /** Why the part cannot be used in this process, or empty. */
  static synchronized Optional<String> unavailable(Part part) {
    Optional<String> known = ASKED.get(part);
    if (known == null) {
      // In this order, for only the first attempt at a class tells why it cannot be loaded.
      known = part.base == null ? Optional.empty() : unavailable(part.base);
      if (known.isEmpty()) {
        known = load(part);
      }
      ASKED.put(part, known);
    }
    return known;
  }

  private static Optional<String> load(Part part) {
    if (CudaPresets.class.getResource("/" + part.globals.replace('.', '/') + ".class") == null) {
      return Optional.of("org.bytedeco:cuda is not on the class path");
    }
    // JavaCPP would take resident memory for a leak (see kernel.Native); set before any class of it loads.
    System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
    LibraryFolders folders = LibraryFolders.ofProcess();
    for (String library : part.libraries) {
      folders.find(library).ifPresent(CudaPresets::open);
    }
    try {
      Class.forName(part.globals);
      return Optional.empty();
    } catch (ClassNotFoundException | LinkageError | RuntimeException e) {
      return Optional.of(reason(e));
    }
  }

  /** What is in the process under its name is found by who needs it, in whatever folder it lies. */
  private static void open(Path library) {
    List<Path> all = new ArrayList<>(List.of(library));
    if (library.getFileName().toString().equals("libcudnn.so.9")) {
      all.addAll(LibraryFolders.beside(library, "libcudnn_", ".so.9"));
    }
    // Twice: some of the second kind need each other.
    for (int round = 0; round < 2; round++) {
      for (Path one : all) {
        try {
          System.load(one.toAbsolutePath().toString());
        } catch (UnsatisfiedLinkError e) {
          // If it matters, the presets will not load either, and say so.
        }
      }
    }
  }

  static String reason(Throwable failure) {
    String text = null;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null) {
        Matcher missing = MISSING.matcher(cause.getMessage());
        if (missing.find()) {
          return missing.group(1) + " is not found" + (missing.group(1).equals("libcuda.so.1") ? ": there is no NVIDIA driver" : hint());
        }
        text = cause.getMessage();
      }
    }
    return text == null ? failure.toString() : text.lines().findFirst().orElse(text);
  }

  private static String hint() {
    return " (" + LibraryFolders.VARIABLE + " may name its folder)";
  }
}
