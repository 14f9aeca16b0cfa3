package dev.tern.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Programs that Tern is compared with, out of a JSON file; bench/peers.json says how it is written.
 */
final class PeerFile {
  /**
   * One of them: measured by a command, or known by its figures.
   *
   * @param type of the layers' matrices in the model that is made for it; null: Tern's model
   * @param command null if there are figures only
   * @param figures tokens per second, by "THREADS TEST", as "2 tg64"
   */
  record Peer(String name, String version, String type, String embeddingType, String arch, String command, Map<String, Double> figures) {}

  private PeerFile() {}

  /**
   * Reads it.
   *
   * @throws IllegalArgumentException if it is not such a file
   */
  static List<Peer> read(Path path) {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(Files.readString(path));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(path + " is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(path + " cannot be read: " + e, e);
    }
    JsonNode list = root.path("peers");
    if (!list.isArray()) {
      throw new IllegalArgumentException(path + " has no array \"peers\"");
    }
    List<Peer> peers = new ArrayList<>();
    for (JsonNode node : list) {
      peers.add(peer(path, node));
    }
    return peers;
  }

  private static Peer peer(Path path, JsonNode node) {
    String name = text(node, "name");
    String command = text(node, "command");
    Map<String, Double> figures = new LinkedHashMap<>();
    for (Iterator<Map.Entry<String, JsonNode>> i = node.path("figures").properties().iterator(); i.hasNext();) {
      Map.Entry<String, JsonNode> figure = i.next();
      if (!figure.getValue().isNumber()) {
        throw new IllegalArgumentException(path + ": " + name + ": the figure \"" + figure.getKey() + "\" is no number");
      }
      figures.put(figure.getKey(), figure.getValue().doubleValue());
    }
    if (name == null || command == null && figures.isEmpty()) {
      throw new IllegalArgumentException(path + ": a peer needs a name, and a command or figures: " + node);
    }
    JsonNode model = node.path("model");
    return new Peer(name, text(node, "version"), text(model, "type"), text(model, "embedding_type"), text(model, "arch"), command, figures);
  }

  private static String text(JsonNode node, String field) {
    return node.path(field).isTextual() ? node.path(field).textValue() : null;
  }
}
