package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryFoldersTest {
  @TempDir
  private Path root;

  private Path file(String name) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.createFile(file);
  }

  @Test
  void theFirstFolderThatHasItWins() throws IOException {
    Path second = file("b/libcudart.so.13");
    Path third = file("c/libcudart.so.13");
    LibraryFolders folders = new LibraryFolders(root.resolve("missing") + ":" + root.resolve("b"), null, "", root.resolve("c").toString());
    assertEquals(Optional.of(second), folders.find("libcudart.so.13"));
    Files.delete(second);
    assertEquals(Optional.of(third), folders.find("libcudart.so.13"));
    assertEquals(Optional.empty(), folders.find("libcudart.so.12"));
  }

  @Test
  void aFolderOfPackagesStandsForTheirLibs() throws IOException {
    Path cublas = file("nvidia/cublas/lib/libcublasLt.so.13");
    Path cudnn = file("nvidia/cudnn/lib/libcudnn.so.9");
    file("nvidia/cudnn/include/cudnn.h");
    LibraryFolders folders = new LibraryFolders(root.resolve("nvidia").toString());
    assertEquals(Optional.of(cublas), folders.find("libcublasLt.so.13"));
    assertEquals(Optional.of(cudnn), folders.find("libcudnn.so.9"));
  }

  @Test
  void theOtherLibrariesOfItsKindLieBesideIt() throws IOException {
    Path main = file("libcudnn.so.9");
    Path ops = file("libcudnn_ops.so.9");
    Path graph = file("libcudnn_graph.so.9");
    file("libcudnn_graph.so.9.14.0");
    assertEquals(List.of(graph, ops), LibraryFolders.beside(main, "libcudnn_", ".so.9"));
  }
}
