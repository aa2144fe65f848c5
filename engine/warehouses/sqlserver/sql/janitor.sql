SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @drop nvarchar(max);
DECLARE @left TABLE ([object] nvarchar(300) NOT NULL, [load_id] nvarchar(128) NOT NULL, [kind] nvarchar(5) NOT NULL);
INSERT INTO @left ([object], [load_id], [kind])
SELECT QUOTENAME([s].[name]) + N'.' + QUOTENAME([o].[name]),
    RIGHT([o].[name], CHARINDEX(N'__', REVERSE([o].[name])) - 1),
    CASE [o].[type] WHEN 'V' THEN N'VIEW' ELSE N'TABLE' END
FROM sys.objects AS [o]
INNER JOIN sys.schemas AS [s] ON [s].[schema_id] = [o].[schema_id]
WHERE [s].[name] = {{ schema | literal }}
    AND [o].[type] IN ('U', 'V')
    AND [o].[name] LIKE N'%[_][_]%'
    AND [o].[create_date] < DATEADD(minute, {{ -minutes }}, GETDATE());
DELETE FROM @left
WHERE [load_id] IN ({{ keep_sql }})
{%- if running %}
    OR [load_id] IN ({{ running | map("literal") | join(", ") }})
{%- endif %};
SELECT @drop = STRING_AGG(CAST(N'DROP ' + [kind] + N' IF EXISTS ' + [object] + N';' AS nvarchar(max)), N' ')
    WITHIN GROUP (ORDER BY CASE [kind] WHEN N'VIEW' THEN 0 ELSE 1 END) FROM @left;
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
SELECT [object], [load_id] FROM @left ORDER BY [object];
