-- create
IF OBJECT_ID(N'[silver].[all_viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[all_viewing_sessions] (
    [session_id] nvarchar(20) NOT NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL,
    CONSTRAINT [PK_silver_all_viewing_sessions] PRIMARY KEY NONCLUSTERED ([session_id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_all_viewing_sessions] ON [silver].[all_viewing_sessions];
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_all_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_all_viewing_sessions__20260101T000000_abcdef] (
    [session_id] nvarchar(20) NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_all_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK) ([session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level])
SELECT [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level]
FROM (
-- No WHERE on purpose: rows that break a rule go to quarantine by this table's suite, with the reason,
-- instead of vanishing here. An unknown device keeps its own name, so that the reason can show it.
SELECT
    CAST(TRIM(s.session_id) AS nvarchar(20))   AS session_id,
    CAST(TRIM(s.user_id) AS nvarchar(20))      AS user_id,
    CAST(TRIM(s.content_id) AS nvarchar(20))   AS content_id,
    s.watch_date                               AS watch_date,
    s.watch_duration_minutes                   AS watch_duration_minutes,
    s.completion_percentage                    AS completion_percentage,
    CAST(CASE TRIM(s.device_type)
        WHEN N'smart tv'       THEN N'Smart TV'
        WHEN N'smarttv'        THEN N'Smart TV'
        WHEN N'smart_tv'       THEN N'Smart TV'
        WHEN N'tv'             THEN N'Smart TV'
        WHEN N'mobile'         THEN N'Mobile'
        WHEN N'mobile phone'   THEN N'Mobile'
        WHEN N'smartphone'     THEN N'Mobile'
        WHEN N'phone'          THEN N'Mobile'
        WHEN N'desktop'        THEN N'Desktop'
        WHEN N'laptop'         THEN N'Desktop'
        WHEN N'pc'             THEN N'Desktop'
        WHEN N'computer'       THEN N'Desktop'
        WHEN N'tablet'         THEN N'Tablet'
        WHEN N'gaming console' THEN N'Gaming Console'
        WHEN N'gaming_console' THEN N'Gaming Console'
        WHEN N'game console'   THEN N'Gaming Console'
        WHEN N'console'        THEN N'Gaming Console'
        ELSE TRIM(s.device_type)
    END AS nvarchar(40))                       AS device_type,
    CAST(UPPER(TRIM(s.quality_level)) AS nvarchar(10)) AS quality_level
FROM bronze.viewing_sessions AS s
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_all_viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_all_viewing_sessions] (
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
    CONSTRAINT [PK_quarantine_silver_all_viewing_sessions] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_all_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_all_viewing_sessions__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Every valid viewing session, of active users or not', N'SCHEMA', N'silver', N'TABLE', N'all_viewing_sessions';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_all_viewing_sessions__20260101T000000_abcdef] ALTER COLUMN [session_id] nvarchar(20) NOT NULL;
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_all_viewing_sessions__20260101T000000_abcdef] ON [staging].[silver_all_viewing_sessions__20260101T000000_abcdef];
ALTER TABLE [staging].[silver_all_viewing_sessions__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_all_viewing_sessions__20260101T000000_abcdef] PRIMARY KEY NONCLUSTERED ([session_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.all_viewing_sessions', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.all_viewing_sessions', 1;
    UPDATE [quarantine].[silver_all_viewing_sessions] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[all_viewing_sessions];
    ALTER TABLE [staging].[silver_all_viewing_sessions__20260101T000000_abcdef] SWITCH TO [silver].[all_viewing_sessions];
    INSERT INTO [quarantine].[silver_all_viewing_sessions] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_all_viewing_sessions__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[all_viewing_sessions];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.all_viewing_sessions', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'b308e7a2b03e8ec32f287299c8b4289c', N'', N'{}', N'{"session_id": "nvarchar(20)", "user_id": "nvarchar(20)", "content_id": "nvarchar(20)", "watch_date": "date", "watch_duration_minutes": "int", "completion_percentage": "decimal(5,2)", "device_type": "nvarchar(40)", "quality_level": "nvarchar(10)"}', NULL, N'video_streaming', N'{"key": ["session_id"], "load": "replace", "partition_by": null, "reading": "", "select": "5d0db3c764e54fba", "suite": "3321ca57d0547b37", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_all_viewing_sessions__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_all_viewing_sessions__20260101T000000_abcdef];
