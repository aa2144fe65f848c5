-- create_table
IF OBJECT_ID(N'[gold].[Bob''s [odd]] 50% tåble]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[Bob's [odd]] 50% tåble] (
    [key]]] nvarchar(20) NOT NULL,
    [o'clock] time(0) NULL,
    [two  words] nvarchar(40) NULL,
    [größe %] decimal(9,1) NULL,
    [select] bit NULL,
    ["] int NOT NULL,
    [-- /*] date NULL,
    CONSTRAINT [PK_gold_Bob's [odd]] 50% tåble] PRIMARY KEY CLUSTERED ([key]]], ["])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
CREATE TABLE [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] (
    [key]]] nvarchar(20) NULL,
    [o'clock] time(0) NULL,
    [two  words] nvarchar(40) NULL,
    [größe %] decimal(9,1) NULL,
    [select] bit NULL,
    ["] int NULL,
    [-- /*] date NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] (
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
    INSERT INTO [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([key]]] IS NULL) THEN N',"the key''s \"part\" isn''t there: [key]]] IS NULL"' END,
            CASE WHEN (["] IS NULL) THEN N',"the key''s \"part\" isn''t there: [\"] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
    WHERE ([key]]] IS NULL)
        OR (["] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([key]]] IS NULL)
        OR (["] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in gold.Bob''s [odd] 50%% tåble', 1;
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
    SELECT ROW_NUMBER() OVER (PARTITION BY [key]]], ["] ORDER BY [-- /*] DESC) AS [rank]
    FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
    WHERE [key]]] IS NOT NULL AND ["] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- by_period
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR([old].[-- /*]), MONTH([old].[-- /*]), 1) AS [first] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [old]
    WHERE 1 = 1
) AS [dated]
GROUP BY [first];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__whole_20261120T231501_4f3a9c];
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
    INSERT INTO @periods ([first]) VALUES (N'2024-01-01'), (N'2024-12-01');
    UPDATE @periods SET [next] = DATEADD(month, 1, [first]) WHERE [first] < '9999-12-01';
    INSERT INTO @periods ([first], [next]) VALUES (NULL, NULL);
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*]
INTO [staging].[gold_Bob's [odd]] 50% tåble__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[key]]],
        [old].[o'clock],
        [old].[two  words],
        [old].[größe %],
        [old].[select],
        [old].["],
        CAST(NULL AS date) AS [-- /*]
    FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
    WHERE NOT EXISTS (
        SELECT 1 FROM @periods AS [period]
        WHERE ([old].[-- /*] >= [period].[first] AND ([old].[-- /*] < [period].[next] OR [period].[next] IS NULL))
            OR ([period].[first] IS NULL AND [old].[-- /*] IS NULL)
    )
    UNION ALL
    SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["] INTO [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c] FROM [gold].[Bob's [odd]] 50% tåble] WHERE [is_current] = 1;

-- create_back
INSERT INTO [gold].[Bob's [odd]] 50% tåble] ([key]]], [o'clock], [two  words], [größe %], [select], ["])
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["] FROM [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[key]]], [old].[o'clock], [old].[two  words], [old].[größe %], [old].[select], [old].["], CAST(1 AS bigint) AS [side]
        FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[key]]], [new].[o'clock], [new].[two  words], [new].[größe %], [new].[select], [new].["], CAST(-1 AS bigint) FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [key]]], [o'clock], [two  words], [größe %], [select], ["]
    HAVING SUM([side]) > 0
) AS [gone];

-- lost_periods
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT CAST(1 AS bigint) AS [side]
        FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
        WHERE 1 = 1
            AND EXISTS (
                SELECT 1
                FROM (VALUES (CAST(N'2024-01-01' AS date)), (CAST(N'2024-12-01' AS date)), (CAST(NULL AS date))) AS [present] ([first])
                WHERE [present].[first] = DATEFROMPARTS(YEAR(CAST(NULL AS date)), MONTH(CAST(NULL AS date)), 1)
                    OR ([present].[first] IS NULL AND CAST(NULL AS date) IS NULL)
            )
    ) AS [either]
    HAVING SUM([side]) > 0
) AS [gone];

-- by_period_kept
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR(CAST(NULL AS date)), MONTH(CAST(NULL AS date)), 1) AS [first] FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
    WHERE 1 = 1
        AND (1 = 0
            OR (CAST(NULL AS date) >= N'2024-01-01' AND DATEFROMPARTS(YEAR(CAST(NULL AS date)), MONTH(CAST(NULL AS date)), 1) <= N'2024-12-01')
            OR CAST(NULL AS date) IS NULL)
) AS [dated]
GROUP BY [first];

-- by_period_new
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR(CAST(NULL AS date)), MONTH(CAST(NULL AS date)), 1) AS [first] FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
    WHERE 1 = 1
        AND (1 = 0
            OR CAST(NULL AS date) IS NULL)
) AS [dated]
GROUP BY [first];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.bob''s [odd] 50% tåble', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.Bob''s [odd] 50%% tåble', 1;
    SELECT @before = COUNT_BIG(*) FROM [gold].[Bob's [odd]] 50% tåble];
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
    INSERT INTO @periods ([first]) VALUES (N'2024-01-01'), (N'2024-12-01');
    UPDATE @periods SET [next] = DATEADD(month, 1, [first]) WHERE [first] < '9999-12-01';
    INSERT INTO @periods ([first], [next]) VALUES (NULL, NULL);
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[gold_Bob's [odd]] 50% tåble] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM (SELECT TRY_CONVERT(date, LEFT(JSON_VALUE([earlier].[row_data], N'$."-- /*"'), 10), 23) AS [day]) AS [dated]
            INNER JOIN @periods AS [period] ON [dated].[day] >= [period].[first] AND ([dated].[day] < [period].[next] OR [period].[next] IS NULL)
                OR ([period].[first] IS NULL AND NULLIF(JSON_VALUE([earlier].[row_data], N'$."-- /*"'), N'') IS NULL
                    -- of a line that did not parse nobody knows the date
                    AND [earlier].[row_data] NOT LIKE N'{"[_]raw":%')));
    DELETE [old]
    FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
    INNER JOIN @periods AS [period]
        ON [old].[-- /*] >= [period].[first] AND ([old].[-- /*] < [period].[next] OR [period].[next] IS NULL);
    SET @removed = ROWCOUNT_BIG();
    DELETE FROM [gold].[Bob's [odd]] 50% tåble]
    WHERE [-- /*] IS NULL AND EXISTS (SELECT 1 FROM @periods WHERE [first] IS NULL);
    SET @removed = @removed + ROWCOUNT_BIG();
    IF EXISTS (SELECT 1 FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new] INNER JOIN [gold].[Bob's [odd]] 50% tåble] AS [old] ON [old].[key]]] = [new].[key]]] AND [old].["] = [new].["])
        THROW 50004, N'gold.Bob''s [odd] 50%% tåble: keys of this load stand in periods that it does not bring, and would be there twice; let the load bring those periods too, or use load: merge', 1;
    INSERT INTO [gold].[Bob's [odd]] 50% tåble] ([key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*])
    SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[gold_Bob's [odd]] 50% tåble] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[Bob's [odd]] 50% tåble];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias_view
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[o''dd]]]
AS
SELECT [key]]], [o''clock], [two  words], [größe %], [select], ["], [-- /*]
FROM [gold].[Bob''s [odd]] 50% tåble];';

-- drop_staging
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
