package dev.tern.format;

import dev.tern.ModelIoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The files of a model by their names within its directory. */
interface HfFiles {
  /** The directory's path, for messages. */
  String name();

  boolean has(String file);

  /**
   * Opens a file.
   *
   * @throws ModelIoException if it is absent or not readable
   */
  ByteSource open(String file);

  /** The names of the files of a folder within, sorted, with the folder's before them; none if there is no such folder. */
  List<String> list(String folder);

  static HfFiles in(Path directory) {
    return new HfFiles() {
      @Override
      public String name() {
        return directory.toString();
      }

      @Override
      public boolean has(String file) {
        return Files.exists(directory.resolve(file));
      }

      @Override
      public ByteSource open(String file) {
        return ByteSource.open(contained(directory, file));
      }

      @Override
      public List<String> list(String folder) {
        Path path = directory.resolve(folder);
        if (!Files.isDirectory(path)) {
          return List.of();
        }
        try (Stream<Path> entries = Files.list(path)) {
          return entries.map(p -> folder + "/" + p.getFileName()).sorted().toList();
        } catch (IOException e) {
          throw new ModelIoException("cannot list " + path + ": " + e.getMessage(), e);
        }
      }
    };
  }

  /**
   * A file that the user did not name himself, in a directory: it may be a link, but not to somewhere else. In the cache of Hugging Face's
   * own tools, models--OWNER--NAME/snapshots/REVISION/FILE may be a link to the model's ../../blobs/HASH.
   *
   * @throws ModelIoException if it lies elsewhere
   */
  static Path contained(Path directory, String file) {
    Path path = directory.resolve(file);
    Path real;
    Path root;
    try {
      real = path.toRealPath();
      root = directory.toRealPath();
    } catch (IOException e) {
      return path; // opening it will say why
    }
    if (!real.startsWith(root) && !isBlob(root, real)) {
      throw new ModelIoException(path + " is a link to " + real + ", which is outside of " + root);
    }
    return path;
  }

  private static boolean isBlob(Path snapshot, Path file) {
    Path snapshots = snapshot.getParent();
    Path model = snapshots == null ? null : snapshots.getParent();
    return model != null && snapshots.endsWith("snapshots") && model.getFileName() != null && model.getFileName().toString().startsWith("models--")
        && model.resolve("blobs").equals(file.getParent());
  }
}
