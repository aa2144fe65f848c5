-- create
IF OBJECT_ID(N'[gold].[device_usage]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[device_usage] (
    [device_type] nvarchar(40) NOT NULL,
    [total_sessions] int NOT NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [avg_completion_percentage] decimal(5,2) NULL,
    CONSTRAINT [PK_gold_device_usage] PRIMARY KEY CLUSTERED ([device_type])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_device_usage__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_device_usage__20260101T000000_abcdef] (
    [device_type] nvarchar(40) NULL,
    [total_sessions] int NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [avg_completion_percentage] decimal(5,2) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[gold_device_usage__20260101T000000_abcdef] WITH (TABLOCK) ([device_type], [total_sessions], [avg_session_duration], [avg_completion_percentage])
SELECT [device_type], [total_sessions], [avg_session_duration], [avg_completion_percentage]
FROM (
SELECT
    s.device_type                                                                   AS device_type,
    CAST(COUNT(*) AS int)                                                           AS total_sessions,
    CAST(AVG(CAST(s.watch_duration_minutes AS decimal(9,2))) AS decimal(9,3))       AS avg_session_duration,
    CAST(AVG(s.completion_percentage) AS decimal(5,2))                              AS avg_completion_percentage
FROM silver.all_viewing_sessions AS s
GROUP BY s.device_type
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_device_usage]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_device_usage] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL,
    CONSTRAINT [PK_quarantine_gold_device_usage] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_device_usage__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_device_usage__20260101T000000_abcdef] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL
);

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Viewing by device', N'SCHEMA', N'gold', N'TABLE', N'device_usage';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_device_usage__20260101T000000_abcdef] ALTER COLUMN [device_type] nvarchar(40) NOT NULL;
ALTER TABLE [staging].[gold_device_usage__20260101T000000_abcdef] ALTER COLUMN [total_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_device_usage__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_device_usage__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([device_type]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.device_usage', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.device_usage', 1;
    UPDATE [quarantine].[gold_device_usage] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[device_usage];
    ALTER TABLE [staging].[gold_device_usage__20260101T000000_abcdef] SWITCH TO [gold].[device_usage];
    INSERT INTO [quarantine].[gold_device_usage] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_device_usage__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[device_usage];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.device_usage', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'1ec9d76b501b4f738ce120c7e3c2ce84', N'', N'{}', N'{"device_type": "nvarchar(40)", "total_sessions": "int", "avg_session_duration": "decimal(9,3)", "avg_completion_percentage": "decimal(5,2)"}', NULL, N'video_streaming', N'{"key": ["device_type"], "load": "replace", "partition_by": null, "reading": "", "select": "39f94aba559d8066", "suite": "2576aff0d84b0494", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_device_usage__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_device_usage__20260101T000000_abcdef];
