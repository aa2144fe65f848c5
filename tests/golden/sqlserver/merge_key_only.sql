-- create_table
IF OBJECT_ID(N'[silver].[pairs]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[pairs] (
    [a] int NOT NULL,
    [b] int NOT NULL,
    CONSTRAINT [PK_silver_pairs] PRIMARY KEY CLUSTERED ([a], [b])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_pairs__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_pairs__20261120T231501_4f3a9c] (
    [a] int NULL,
    [b] int NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_pairs__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_pairs__20261120T231501_4f3a9c] (
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

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_silver_pairs__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([a] IS NULL) THEN N',"the key''s \"part\" isn''t there: [a] IS NULL"' END,
            CASE WHEN ([b] IS NULL) THEN N',"the key''s \"part\" isn''t there: [b] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [a], [b] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[silver_pairs__20261120T231501_4f3a9c]
    WHERE ([a] IS NULL)
        OR ([b] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[silver_pairs__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([a] IS NULL)
        OR ([b] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in silver.pairs', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- dedupe
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @dropped bigint;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY [a], [b] ORDER BY [b] DESC) AS [rank]
    FROM [staging].[silver_pairs__20261120T231501_4f3a9c]
    WHERE [a] IS NOT NULL AND [b] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[silver_pairs__whole_20261120T231501_4f3a9c];
SELECT [a], [b]
INTO [staging].[silver_pairs__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[a],
        CAST(NULL AS int) AS [b]
    FROM [silver].[pairs] AS [old]
    WHERE NOT EXISTS (SELECT 1 FROM [staging].[silver_pairs__20261120T231501_4f3a9c] AS [new] WHERE [new].[a] = [old].[a] AND [new].[b] = [old].[b])
    UNION ALL
    SELECT [a], [b] FROM [staging].[silver_pairs__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[silver_pairs__kept_20261120T231501_4f3a9c];
SELECT [a] INTO [staging].[silver_pairs__kept_20261120T231501_4f3a9c] FROM [silver].[pairs] WHERE [is_current] = 1;

-- create_back
INSERT INTO [silver].[pairs] ([a])
SELECT [a] FROM [staging].[silver_pairs__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[silver_pairs__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[a], CAST(1 AS bigint) AS [side]
        FROM [silver].[pairs] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[a], CAST(-1 AS bigint) FROM [staging].[silver_pairs__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [a]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_pairs__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.pairs', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.pairs', 1;
    SELECT @before = COUNT_BIG(*) FROM [silver].[pairs];
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[silver_pairs] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM [staging].[silver_pairs__20261120T231501_4f3a9c] AS [load] WHERE TRY_CONVERT(int, JSON_VALUE([earlier].[row_data], N'$."a"')) = [load].[a] AND TRY_CONVERT(int, JSON_VALUE([earlier].[row_data], N'$."b"')) = [load].[b])
        OR EXISTS (SELECT 1 FROM [staging].[held_silver_pairs__20261120T231501_4f3a9c] AS [load] WHERE JSON_VALUE([earlier].[row_data], N'$."a"') = JSON_VALUE([load].[row_data], N'$."a"') AND JSON_VALUE([earlier].[row_data], N'$."b"') = JSON_VALUE([load].[row_data], N'$."b"')));
    UPDATE [old]
    SET [old].[a] = [new].[a], [old].[b] = [new].[b]
    FROM [silver].[pairs] AS [old] WITH (UPDLOCK, HOLDLOCK)
    INNER JOIN [staging].[silver_pairs__20261120T231501_4f3a9c] AS [new] ON [new].[a] = [old].[a] AND [new].[b] = [old].[b];
    SET @updated = ROWCOUNT_BIG();
    INSERT INTO [silver].[pairs] ([a], [b])
    SELECT [new].[a], [new].[b]
    FROM [staging].[silver_pairs__20261120T231501_4f3a9c] AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM [silver].[pairs] AS [old] WITH (UPDLOCK, HOLDLOCK) WHERE [old].[a] = [new].[a] AND [old].[b] = [new].[b]
    );
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[silver_pairs] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_pairs__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[pairs];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP TABLE IF EXISTS [staging].[silver_pairs__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_pairs__20261120T231501_4f3a9c];
