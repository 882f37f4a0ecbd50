import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs flink_job.sql in a Flink of its own: SQL SERVERS TOPIC OUTPUT CHECKPOINTS. */
public final class FlinkJob {
    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.set(CoreOptions.DEFAULT_PARALLELISM, 1);
        conf.set(PipelineOptions.OBJECT_REUSE, true);
        conf.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(2));
        conf.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + args[4]);
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(conf).build());
        tables.getConfig().set("table.local-time-zone", "UTC");
        String sql = Files.readString(Path.of(args[0]))
            .replace("${servers}", args[1])
            .replace("${topic}", args[2])
            .replace("${output}", "file://" + args[3]);
        for (String statement : sql.split(";\\R\\R")) {
            tables.executeSql(statement).await();
        }
    }
}
