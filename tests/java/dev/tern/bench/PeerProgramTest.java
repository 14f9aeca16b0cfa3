package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelIoException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PeerProgramTest {
  private static final Path MODEL = Path.of("it's a model.gguf");

  @Test
  void theCommandIsToldTheTest() {
    PeerProgram peer = new PeerProgram("peer", "run -m {model} -t {threads} -p {prompt} -n {generate}", MODEL);
    assertEquals("run -m 'it'\\''s a model.gguf' -t 2 -p 128 -n 0", peer.commandFor(2, SpeedTest.prefill(128)));
    assertEquals("run -m 'it'\\''s a model.gguf' -t 1 -p 0 -n 64", peer.commandFor(1, SpeedTest.decode(64)));
  }

  @Test
  void ratesOfOutputs() {
    assertEquals(22.5, PeerProgram.rate("loading\n22.5\n"));
    assertEquals(18.25, PeerProgram.rate("[\n {\"n_gen\": 64, \"avg_ns\": 123, \"avg_ts\": 18.25,\n \"stddev_ts\": 0.0}\n]\n"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "fast", "0", "-1", "NaN", "Infinity", "{\"avg_ts\": 0}"})
  void outputsWithoutARate(String out) {
    assertThrows(ModelIoException.class, () -> PeerProgram.rate(out));
  }

  @Test
  void commandsAreRun() {
    assertEquals(66, new PeerProgram("peer", "echo $(({threads} + {generate}))", MODEL).run(2, SpeedTest.decode(64)));
    ModelIoException failed =
        assertThrows(ModelIoException.class, () -> new PeerProgram("peer", "echo 5; exit 3", MODEL).run(2, SpeedTest.decode(64)));
    assertTrue(failed.getMessage().contains("peer ended with status 3"), failed.getMessage());
  }

  @Test
  void aBusyNeighbourIsThereUntilClosed() {
    ProcessHandle process;
    try (BusyNeighbour busy = new BusyNeighbour()) {
      process = ProcessHandle.of(busy.pid()).orElseThrow();
      assertTrue(process.isAlive());
    }
    assertTrue(!process.isAlive());
  }
}
