package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tern bench speed} on a tiny model and on peers that are one-line scripts; what it measures is no matter here. */
class BenchSpeedTest {
  @TempDir
  Path directory;

  @Test
  void comparesAndReports() throws IOException {
    Path peers = Files.writeString(directory.resolve("peers.json"), "{\"peers\": ["
        + "{\"name\": \"filed\", \"version\": \"1.0\", \"figures\": {\"1 tg64\": 12.5}},"
        + "{\"name\": \"scripted\", \"model\": {\"type\": \"iq2_bn\", \"arch\": \"bitnet-b1.58\"}, \"command\": \"test -s {model} && echo 3\"}]}");
    Path csv = directory.resolve("speed.csv");
    Cli.Result result = Cli.run("bench", "speed", "--shape", "tern-tiny", "--dir", directory.toString(), "--peers", peers.toString(), "--peer",
        "given=echo '[{\"avg_ts\": 4}]'", "--tests", "pp8,tg64", "--threads", "1", "--batch", "1,2", "--depth", "70", "--rounds", "1", "--foreign", "1",
        "--patience", "0", "--csv", csv.toString()).succeeded();
    assertTrue(result.out().contains("12.50 (file)") && result.out().contains("beside one process"), result.out());
    assertTrue(result.out().contains("products w_gate, w_up"), result.out());
    assertTrue(result.out().contains("**The machine was too noisy**: 12 of 12 medians"), result.out()); // one round tells no median
    assertTrue(Files.exists(directory.resolve("tern-tiny-iq2_bn-q6_k-bitnet-b1.58.gguf")));
    assertTrue(result.out().matches("(?s).*in turn with the programs of each decode test, [^\n]*: ~[0-9.]+ GB/s, [0-9.]+ tokens/s \\(tg64, 1 threads\\):\n.*"), result.out());
    List<String> turns = result.err().lines().filter(l -> l.startsWith("plain, round 1: ")).map(l -> l.split("[:,]")[2] + l.split("[:,]")[4]).toList();
    assertEquals(List.of(" Tern pp8", " scripted pp8", " given pp8", " Tern tg64", " memory tg64", " scripted tg64", " given tg64"), turns);
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + 13 + 1, lines.size(), String.join("\n", lines));
    assertTrue(lines.contains("plain,\"scripted\",\"\",1,tg64,3.000,3.000,3.000,Infinity,1,0,false"), String.join("\n", lines));
    List<String> memory = lines.stream().filter(l -> l.contains("memory")).toList();
    assertEquals(1, memory.size(), String.join("\n", lines));
    assertTrue(memory.get(0).startsWith("plain,\"memory\",\"bytes per second with all cores\",1,tg64,"), memory.get(0));
    assertTrue(lines.contains("file,\"filed\",\"1.0\",1,tg64,12.50,,,,0,0,true"), String.join("\n", lines));
  }

  @Test
  void refusesFilesThatListNoPeers() throws IOException {
    String[] texts = {"{", "{}", "{\"peers\": [{}]}", "{\"peers\": [{\"name\": \"x\"}]}", "{\"peers\": [{\"name\": \"x\", \"figures\": {\"2 tg64\": \"many\"}}]}"};
    for (String text : texts) {
      Path peers = Files.writeString(directory.resolve("peers.json"), text);
      Cli.Result result = Cli.run("bench", "speed", "--shape", "tern-tiny", "--dir", directory.toString(), "--peers", peers.toString(), "--tests", "tg4");
      assertEquals(2, result.status(), text + ": " + result.err());
    }
    Cli.run("bench", "speed", "--shape", "tern-tiny", "--dir", directory.toString(), "--tests", "tg0").failedWith(2, 1);
  }
}
