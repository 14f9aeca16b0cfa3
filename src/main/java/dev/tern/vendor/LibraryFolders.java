package dev.tern.vendor;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The folders in which a vendor's shared libraries are looked for, by the names under which they are asked for at run time (libcudnn.so.9): those
 * that the user names, LD_LIBRARY_PATH, then the usual ones. A folder whose subfolders have a lib (Python's nvidia packages) stands for all of
 * these. Immutable.
 */
final class LibraryFolders {
  /** Folders of the user, with ':' between them; the system property goes before the environment. */
  static final String PROPERTY = "tern.cuda.libraries";

  static final String VARIABLE = "TERN_CUDA_LIBRARIES";
  private static final List<String> USUAL =
      List.of("/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64");

  private final List<Path> folders;

  /** @param lists folders with ':' between them, the first to be searched first; null and empty ones are passed over */
  LibraryFolders(String... lists) {
    Set<Path> all = new LinkedHashSet<>();
    for (String list : lists) {
      for (String name : list == null ? new String[0] : list.split(File.pathSeparator)) {
        if (!name.isEmpty()) {
          add(name, all);
        }
      }
    }
    folders = List.copyOf(all);
  }

  /** Those of this process. */
  static LibraryFolders ofProcess() {
    return new LibraryFolders(System.getProperty(PROPERTY, System.getenv(VARIABLE)), System.getenv("LD_LIBRARY_PATH"),
        String.join(File.pathSeparator, USUAL));
  }

  private static void add(String name, Set<Path> all) {
    try {
      Path folder = Path.of(name);
      all.add(folder);
      List<Path> packages = new ArrayList<>();
      try (DirectoryStream<Path> inside = Files.newDirectoryStream(folder)) {
        for (Path child : inside) {
          if (Files.isDirectory(child.resolve("lib"))) {
            packages.add(child.resolve("lib"));
          }
        }
      }
      packages.sort(null);
      all.addAll(packages);
    } catch (IOException | InvalidPathException e) {
      // A folder that is not there, or may not be read, holds nothing for us.
    }
  }

  /** The library of this file name, or empty. */
  Optional<Path> find(String library) {
    return folders.stream().map(folder -> folder.resolve(library)).filter(Files::isReadable).findFirst();
  }

  /** The libraries beside it of whose names it is a beginning, in alphabetical order. */
  static List<Path> beside(Path library, String prefix, String suffix) {
    File[] files = library.getParent().toFile().listFiles((folder, name) -> name.startsWith(prefix) && name.endsWith(suffix));
    if (files == null) {
      return List.of();
    }
    Arrays.sort(files);
    return Arrays.stream(files).map(File::toPath).toList();
  }
}
