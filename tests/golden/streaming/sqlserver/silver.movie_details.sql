-- create
IF OBJECT_ID(N'[silver].[movie_details]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[movie_details] (
    [content_id] nvarchar(20) NOT NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [views_count] bigint NULL,
    CONSTRAINT [PK_silver_movie_details] PRIMARY KEY CLUSTERED ([content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_movie_details__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_movie_details__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [views_count] bigint NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_movie_details__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [duration_minutes], [release_year], [views_count])
SELECT [content_id], [duration_minutes], [release_year], [views_count]
FROM (
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.duration_minutes                         AS duration_minutes,
    c.release_year                             AS release_year,
    c.views_count                              AS views_count
FROM bronze.content AS c
WHERE c.content_type = N'movie'
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_movie_details]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_movie_details] (
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
    CONSTRAINT [PK_quarantine_silver_movie_details] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_movie_details__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_movie_details__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'What only movies have', N'SCHEMA', N'silver', N'TABLE', N'movie_details';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_movie_details__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_movie_details__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_movie_details__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.movie_details', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.movie_details', 1;
    UPDATE [quarantine].[silver_movie_details] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[movie_details];
    ALTER TABLE [staging].[silver_movie_details__20260101T000000_abcdef] SWITCH TO [silver].[movie_details];
    INSERT INTO [quarantine].[silver_movie_details] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_movie_details__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[movie_details];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.movie_details', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'0ae0d689c2bc6eafae027afe920f750d', N'', N'{}', N'{"content_id": "nvarchar(20)", "duration_minutes": "int", "release_year": "int", "views_count": "bigint"}', NULL, N'video_streaming', N'{"key": ["content_id"], "load": "replace", "partition_by": null, "reading": "", "select": "e4caef01c9be0c50", "suite": "dcfba8a174a46d9b", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_movie_details__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_movie_details__20260101T000000_abcdef];
