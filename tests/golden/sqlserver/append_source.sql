-- create_table
IF OBJECT_ID(N'[bronze].[log]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[log] (
    [line] nvarchar(max) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[bronze_log__20261120T231501_4f3a9c];
CREATE TABLE [staging].[bronze_log__20261120T231501_4f3a9c] (
    [line] nvarchar(max) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_bronze_log__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_bronze_log__20261120T231501_4f3a9c] (
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

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[bronze_log__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.log', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.log', 1;
    SELECT @before = COUNT_BIG(*) FROM [bronze].[log];
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[bronze_log] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR [earlier].[source_file] IN (SELECT [_source_file] FROM [staging].[bronze_log__20261120T231501_4f3a9c] UNION SELECT [source_file] FROM [staging].[held_bronze_log__20261120T231501_4f3a9c]));
    DELETE FROM [bronze].[log] WHERE [_source_file] IN (SELECT [_source_file] FROM [staging].[bronze_log__20261120T231501_4f3a9c]);
    SET @removed = ROWCOUNT_BIG();
    INSERT INTO [bronze].[log] ([line], [_loaded_at], [_source_file], [_source_row], [_load_id])
    SELECT [line], [_loaded_at], [_source_file], [_source_row], [_load_id] FROM [staging].[bronze_log__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[bronze_log] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_log__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[log];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP TABLE IF EXISTS [staging].[bronze_log__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_bronze_log__20261120T231501_4f3a9c];
